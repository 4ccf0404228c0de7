import { ESYS_TR_NONE, ESYS_TR_RH_ENDORSEMENT, NO_SESSIONS, PASSWORD } from './resources.ts';
import type { Resources, TpmObject, TpmSession } from './resources.ts';
import { Output, sized, structure, withOutputs } from './structures.ts';
import { TpmError } from './tpm-error.ts';

/** TPM_ALG_ID: TCG Algorithm Registry, table 3. */
const HASH = { sha256: 0x000b, sha384: 0x000c, sha512: 0x000d } as const;
/** PolicyOR takes as many: Part 2, 10.9.6, TPML_DIGEST. */
const MAX_POLICY_DIGESTS = 8;
/** TPM_SE: Part 2, 6.11. */
const TPM_SE = { hmac: 0x00, policy: 0x01 } as const;
/** TPMT_SYM_DEF: TPM_ALG_AES, 128 bits, TPM_ALG_CFB. */
const AES_128_CFB = Uint8Array.of(0x00, 0x06, 0x00, 0x80, 0x00, 0x43);
const EMPTY = new Uint8Array();

export interface SessionOptions {
  /** Nobody else than this key's TPM can then know the session's key. */
  readonly saltKey?: TpmObject;
  /** A policy session has the nameAlg of the object whose policy it is to meet. SHA-256 where it is not given. */
  readonly hash?: keyof typeof HASH;
}

/** TPM2_StartAuthSession: Part 3, 11.1. Never bound; the nonce and the salt are ESYS's. */
export function startSession(
  resources: Resources,
  kind: TpmSession['kind'],
  { saltKey, hash = 'sha256' }: SessionOptions,
): Promise<TpmSession> {
  const command = 'TPM2_StartAuthSession';
  return resources.connection.run(command, async (send) => {
    const cell = Buffer.alloc(4);
    await send(
      'Esys_StartAuthSession',
      saltKey === undefined ? ESYS_TR_NONE : resources.objectTr(command, saltKey),
      ESYS_TR_NONE,
      ...NO_SESSIONS,
      null,
      TPM_SE[kind],
      structure('TPMT_SYM_DEF', AES_128_CFB, command),
      HASH[hash],
      cell,
    );
    return resources.addSession(cell, kind, saltKey !== undefined);
  });
}

/** TPM2_PolicySecret: Part 3, 23.4, with TPM_RH_ENDORSEMENT and its auth, which is empty. */
export function policySecretEndorsement(resources: Resources, session: TpmSession): Promise<void> {
  const command = 'TPM2_PolicySecret';
  return withOutputs([new Output('TPM2B_TIMEOUT'), new Output('TPMT_TK_AUTH')], (timeout, ticket) =>
    resources.connection.run(command, (send) =>
      send(
        'Esys_PolicySecret',
        ESYS_TR_RH_ENDORSEMENT,
        resources.sessionTr(command, session),
        ...PASSWORD,
        structure('TPM2B_NONCE', sized(EMPTY), command),
        structure('TPM2B_DIGEST', sized(EMPTY), command),
        structure('TPM2B_NONCE', sized(EMPTY), command),
        0,
        timeout.cell,
        ticket.cell,
      ),
    ),
  );
}

/** TPM2_PolicyOR: Part 3, 23.6. One of the digests is what the session holds; after it, that of their disjunction. */
export function policyOr(
  resources: Resources,
  session: TpmSession,
  digests: readonly Uint8Array[],
): Promise<void> {
  const command = 'TPM2_PolicyOR';
  return resources.connection.run(command, async (send) => {
    if (digests.length < 2 || digests.length > MAX_POLICY_DIGESTS) {
      throw new TpmError('TPM_MISUSE', command, 'PolicyOR is of 2 to 8 digests');
    }
    const count = Buffer.alloc(4);
    count.writeUInt32BE(digests.length);
    const list = Buffer.concat([count, ...digests.map(sized)]);
    await send(
      'Esys_PolicyOR',
      resources.sessionTr(command, session),
      ...NO_SESSIONS,
      structure('TPML_DIGEST', list, command),
    );
  });
}

/** The nonceTPM of its last answer, here that of TPM2_StartAuthSession. Asks nothing of the TPM. */
export function sessionNonce(resources: Resources, session: TpmSession): Promise<Buffer> {
  const command = 'TPM2_StartAuthSession';
  return withOutputs([new Output('TPM2B_NONCE')], (nonce) =>
    resources.connection.run(command, async () => {
      const tr = resources.sessionTr(command, session);
      resources.connection.local(command, 'Esys_TRSess_GetNonceTPM', tr, nonce.cell);
      return nonce.readSized();
    }),
  );
}

/** TPM2_PolicyPCR: Part 3, 23.7, with the values that the PCRs have now. `selection` is TPML_PCR_SELECTION. */
export function policyPcr(
  resources: Resources,
  session: TpmSession,
  selection: Uint8Array,
): Promise<void> {
  const command = 'TPM2_PolicyPCR';
  return resources.connection.run(command, (send) =>
    send(
      'Esys_PolicyPCR',
      resources.sessionTr(command, session),
      ...NO_SESSIONS,
      structure('TPM2B_DIGEST', sized(EMPTY), command),
      structure('TPML_PCR_SELECTION', selection, command),
    ),
  );
}

export interface PolicySignedInput {
  readonly session: TpmSession;
  /** Whose signature it is: loaded by TPM2_LoadExternal. */
  readonly key: TpmObject;
  /** Of this session, as it was signed. */
  readonly nonceTpm: Uint8Array;
  readonly policyRef: Uint8Array;
  /** Seconds from the session's start; an INT32. */
  readonly expiration: number;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/** TPM2_PolicySigned: Part 3, 23.3, for any command of the session (no cpHashA). */
export function policySigned(resources: Resources, input: PolicySignedInput): Promise<void> {
  const command = 'TPM2_PolicySigned';
  return withOutputs([new Output('TPM2B_TIMEOUT'), new Output('TPMT_TK_AUTH')], (timeout, ticket) =>
    resources.connection.run(command, (send) =>
      send(
        'Esys_PolicySigned',
        resources.objectTr(command, input.key),
        resources.sessionTr(command, input.session),
        ...NO_SESSIONS,
        structure('TPM2B_NONCE', sized(input.nonceTpm), command),
        structure('TPM2B_DIGEST', sized(EMPTY), command),
        structure('TPM2B_NONCE', sized(input.policyRef), command),
        input.expiration,
        structure('TPMT_SIGNATURE', input.signature, command),
        timeout.cell,
        ticket.cell,
      ),
    ),
  );
}
