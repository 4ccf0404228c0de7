import koffi from 'koffi';

/** One C function: called in place, or on a thread of libuv's pool. */
export interface NativeFunction {
  (...args: NativeArgument[]): number;
  async(...args: [...NativeArgument[], (error: unknown, result: number) => void]): void;
}
/** Bytes are passed by address and not copied; a bigint is an address; null is NULL. */
export type NativeArgument = number | bigint | Uint8Array | string | null;

// Every structure is `void *`: it is made and read by Tss2_MU_*, and never looked into here.
const OBJECT = 'void *esys, uint32_t handle';
const SESSIONS = 'uint32_t session1, uint32_t session2, uint32_t session3';
const ESYS = {
  Esys_Initialize: 'void *esys, void *tcti, void *abiVersion',
  Esys_TR_FromTPMPublic: `${OBJECT}, ${SESSIONS}, void *object`,
  Esys_TR_GetTpmHandle: `${OBJECT}, void *tpmHandle`,
  Esys_TR_SetAuth: `${OBJECT}, void *auth`,
  Esys_TR_Close: 'void *esys, void *object',
  Esys_TRSess_SetAttributes: `${OBJECT}, uint8_t flags, uint8_t mask`,
  Esys_TRSess_GetNonceTPM: `${OBJECT}, void *nonceTPM`,
  Esys_GetCapability: `void *esys, ${SESSIONS}, uint32_t capability, uint32_t property, uint32_t propertyCount, void *moreData, void *capabilityData`,
  Esys_CreatePrimary: `${OBJECT}, ${SESSIONS}, void *inSensitive, void *inPublic, void *outsideInfo, void *creationPCR, void *object, void *outPublic, void *creationData, void *creationHash, void *creationTicket`,
  Esys_Create: `${OBJECT}, ${SESSIONS}, void *inSensitive, void *inPublic, void *outsideInfo, void *creationPCR, void *outPrivate, void *outPublic, void *creationData, void *creationHash, void *creationTicket`,
  Esys_Load: `${OBJECT}, ${SESSIONS}, void *inPrivate, void *inPublic, void *object`,
  Esys_ReadPublic: `${OBJECT}, ${SESSIONS}, void *outPublic, void *name, void *qualifiedName`,
  Esys_NV_ReadPublic: `${OBJECT}, ${SESSIONS}, void *nvPublic, void *nvName`,
  Esys_NV_Read: `${OBJECT}, uint32_t nvIndex, ${SESSIONS}, uint16_t size, uint16_t offset, void *data`,
  Esys_LoadExternal: `void *esys, ${SESSIONS}, void *inPrivate, void *inPublic, uint32_t hierarchy, void *object`,
  Esys_Import: `${OBJECT}, ${SESSIONS}, void *encryptionKey, void *objectPublic, void *duplicate, void *inSymSeed, void *symmetricAlg, void *outPrivate`,
  Esys_Unseal: `${OBJECT}, ${SESSIONS}, void *outData`,
  Esys_StartAuthSession: `${OBJECT}, uint32_t bind, ${SESSIONS}, void *nonceCaller, uint8_t sessionType, void *symmetric, uint16_t authHash, void *session`,
  Esys_PolicySecret: `${OBJECT}, uint32_t policySession, ${SESSIONS}, void *nonceTPM, void *cpHashA, void *policyRef, int32_t expiration, void *timeout, void *policyTicket`,
  Esys_PolicySigned: `${OBJECT}, uint32_t policySession, ${SESSIONS}, void *nonceTPM, void *cpHashA, void *policyRef, int32_t expiration, void *auth, void *timeout, void *policyTicket`,
  Esys_PolicyPCR: `${OBJECT}, ${SESSIONS}, void *pcrDigest, void *pcrs`,
  Esys_PolicyOR: `${OBJECT}, ${SESSIONS}, void *pHashList`,
  Esys_Quote: `${OBJECT}, ${SESSIONS}, void *qualifyingData, void *inScheme, void *PCRselect, void *quoted, void *signature`,
  Esys_Certify: `${OBJECT}, uint32_t signHandle, ${SESSIONS}, void *qualifyingData, void *inScheme, void *certifyInfo, void *signature`,
  Esys_ActivateCredential: `${OBJECT}, uint32_t keyHandle, ${SESSIONS}, void *credentialBlob, void *secret, void *certInfo`,
  Esys_PCR_Read: `void *esys, ${SESSIONS}, void *pcrSelectionIn, void *pcrUpdateCounter, void *pcrSelectionOut, void *pcrValues`,
  Esys_PCR_Extend: `${OBJECT}, ${SESSIONS}, void *digests`,
  Esys_ReadClock: `void *esys, ${SESSIONS}, void *currentTime`,
  Esys_FlushContext: OBJECT,
} as const;
export type EsysName = keyof typeof ESYS;

export interface TssLibraries {
  readonly esys: Readonly<Record<EsysName, NativeFunction>>;
  readonly initializeTcti: NativeFunction;
  /** Esys_Finalize and Tss2_TctiLdr_Finalize. */
  readonly finalizeEsys: NativeFunction;
  readonly finalizeTcti: NativeFunction;
  readonly free: NativeFunction;
  marshal(type: string): NativeFunction;
  unmarshal(type: string): NativeFunction;
  decode(rc: number): string;
  readonly explicitBzero: NativeFunction;
  readonly getpeername: NativeFunction;
  readonly shutdown: NativeFunction;
}

let loaded: TssLibraries | undefined;

/** Throws when a library is not installed. */
export function tssLibraries(): TssLibraries {
  return (loaded ??= load());
}

function load(): TssLibraries {
  // tpm2-tss writes to stderr by default, and reads this with getenv() at its first message.
  process.env.TSS2_LOG ??= 'all+NONE';
  // The default of 128 kiB is little for OpenSSL under ESYS; pages that are not touched cost nothing.
  koffi.config({ async_stack_size: 1024 * 1024 });
  // Node exports its own OpenSSL: without RTLD_DEEPBIND libtss2-esys would call that one.
  const esys = koffi.load('libtss2-esys.so.0', { deep: true });
  const mu = koffi.load('libtss2-mu.so.0', { deep: true });
  const tctildr = koffi.load('libtss2-tctildr.so.0', { deep: true });
  const rc = koffi.load('libtss2-rc.so.0', { deep: true });
  const libc = koffi.load('libc.so.6');

  const functions = Object.entries(ESYS).map(([name, parameters]) => [
    name,
    esys.func(`uint32_t ${name}(${parameters})`),
  ]);
  const decode = rc.func('const char *Tss2_RC_Decode(uint32_t rc)');
  return {
    esys: Object.fromEntries(functions) as Record<EsysName, NativeFunction>,
    initializeTcti: tctildr.func(
      'uint32_t Tss2_TctiLdr_Initialize(const char *nameConf, void *tcti)',
    ),
    finalizeEsys: esys.func('void Esys_Finalize(void *esys)'),
    finalizeTcti: tctildr.func('void Tss2_TctiLdr_Finalize(void *tcti)'),
    free: esys.func('void Esys_Free(void *pointer)'),
    marshal: remember((type) =>
      mu.func(
        `uint32_t Tss2_MU_${type}_Marshal(void *source, void *buffer, size_t size, void *offset)`,
      ),
    ),
    unmarshal: remember((type) =>
      mu.func(
        `uint32_t Tss2_MU_${type}_Unmarshal(void *buffer, size_t size, void *offset, void *destination)`,
      ),
    ),
    decode: (code) => String(decode(code)),
    explicitBzero: libc.func('void explicit_bzero(void *pointer, size_t size)'),
    getpeername: libc.func('int getpeername(int socket, void *address, void *length)'),
    shutdown: libc.func('int shutdown(int socket, int how)'),
  };
}

function remember(make: (type: string) => NativeFunction): (type: string) => NativeFunction {
  const made = new Map<string, NativeFunction>();
  return (type) => {
    const known = made.get(type) ?? make(type);
    made.set(type, known);
    return known;
  };
}
