import * as attestation from './attestation.ts';
import * as capability from './capability.ts';
import { Connection, type Send } from './connection.ts';
import * as keys from './keys.ts';
import * as nv from './nv.ts';
import * as pcr from './pcr.ts';
import * as sealed from './sealed-objects.ts';
import { Resources } from './resources.ts';
import type { TpmObject, TpmSession } from './resources.ts';
import * as sessions from './sessions.ts';
import { TpmError } from './tpm-error.ts';

const DEFAULT_COMMAND_TIMEOUT_MS = 10_000;
const LONGEST_TIMEOUT_MS = 600_000;

export interface OpenTpmOptions {
  /** 'swtpm:path=/run/x/sock' or 'device:/dev/tpmrm0'. */
  readonly tcti: string;
  /** For each command, its resubmissions included, and for opening. */
  readonly commandTimeoutMs?: number;
  /** A software TPM that another process uses too: nothing is flushed but what this one made. */
  readonly shared?: boolean;
}

/**
 * One TPM. Every command rejects with a TpmError; structures are wire bytes. Commands given at the same
 * time are sent one after the other. After TPM_TIMEOUT and TPM_UNAVAILABLE nothing more is sent: close it
 * and open it anew.
 */
export interface Tpm {
  /** TPMS_CAPABILITY_DATA; there may be more than was given at once. */
  getCapability(cap: number, property: number, count: number): Promise<Uint8Array>;
  handles(kind: capability.HandleKind): Promise<number[]>;
  createPrimary(input: keys.CreatePrimaryInput): Promise<TpmObject>;
  openPersistent(handle: number): Promise<TpmObject>;
  readPublic(object: TpmObject): Promise<keys.PublicArea>;
  /** Null where the index is not defined. */
  nvReadPublic(index: number): Promise<nv.NvPublic | null>;
  /** The whole index. */
  nvRead(index: number): Promise<Uint8Array>;
  /** AES-128-CFB for the first parameter of the commands it goes with. */
  startHmacSession(options?: sessions.SessionOptions): Promise<TpmSession>;
  startPolicySession(options?: sessions.SessionOptions): Promise<TpmSession>;
  /** A policy session serves one command; after it, its policy has to be met again. */
  policySecretEndorsement(session: TpmSession): Promise<void>;
  policyOr(session: TpmSession, digests: readonly Uint8Array[]): Promise<void>;
  /** TPML_PCR_SELECTION in. */
  policyPcr(session: TpmSession, selection: Uint8Array): Promise<void>;
  policySigned(input: sessions.PolicySignedInput): Promise<void>;
  /** nonceTPM, which a signature can be for. */
  sessionNonce(session: TpmSession): Promise<Uint8Array>;
  create(input: keys.CreateInput): Promise<keys.CreatedKey>;
  load(input: keys.LoadInput): Promise<TpmObject>;
  /** TPM2B_PUBLIC in: a key from outside, to verify by. */
  loadExternal(publicArea: Uint8Array): Promise<TpmObject>;
  /** TPM2B_PRIVATE out, for `load`. */
  import(input: sealed.ImportInput): Promise<Uint8Array>;
  /** The answer is a secret: overwrite it after use. */
  unseal(input: { readonly object: TpmObject; readonly session: TpmSession }): Promise<Buffer>;
  /** What HMAC sessions prove knowledge of when they authorize the object. */
  setAuth(object: TpmObject, auth: Uint8Array): Promise<void>;
  quote(input: attestation.QuoteInput): Promise<attestation.Quote>;
  certify(input: attestation.CertifyInput): Promise<attestation.Quote>;
  /** The answer is a secret: overwrite it after use. */
  activateCredential(input: attestation.ActivateCredentialInput): Promise<Uint8Array>;
  /** TPML_PCR_SELECTION in; every PCR that it selects, in its order, or an error. */
  pcrRead(selection: Uint8Array): Promise<pcr.PcrValue[]>;
  pcrExtend(index: number, digests: readonly pcr.TaggedDigest[]): Promise<void>;
  readClock(): Promise<attestation.TpmClock>;
  /** Persistent objects stay in the TPM; they are only forgotten here. */
  flush(item: TpmObject | TpmSession): Promise<void>;
  /** Flushes what is left, and gives the TPM back. Never rejects; bounded like a command. */
  close(): Promise<void>;
}

/**
 * Rejects with TPM_ABSENT, TPM_NOT_PERMITTED, TPM_BUSY, TPM_UNAVAILABLE, TPM_TIMEOUT, TPM_LIBRARY_MISSING, or
 * TPM_MISUSE for what is no TCTI of these two.
 */
export async function openTpm(options: OpenTpmOptions): Promise<Tpm> {
  const timeoutMs = options.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS;
  if (!(timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS)) {
    throw new TpmError('TPM_MISUSE', 'open', 'commandTimeoutMs is out of range');
  }
  const connection = new Connection(options.tcti, timeoutMs);
  const resources = new Resources(connection);
  await connection.open();
  try {
    // A device has the kernel's resource manager, or other users whose objects are theirs.
    if (options.tcti.startsWith('swtpm:') && options.shared !== true) {
      const makeRoom = (send: Send) => capability.flushStrays(send, resources.heldHandles());
      await connection.run('TPM2_FlushContext', makeRoom);
      connection.makeRoom = makeRoom;
    }
    const nvBufferMax = await capability.nvBufferMax(connection);
    return commandsOf(resources, nvBufferMax);
  } catch (error) {
    await connection.close(async () => {});
    throw error;
  }
}

function commandsOf(resources: Resources, nvBufferMax: number): Tpm {
  const { connection } = resources;
  return {
    getCapability: async (cap, property, count) =>
      (await capability.getCapability(connection, cap, property, count)).data,
    handles: (kind) => capability.handles(connection, kind),
    createPrimary: (input) => keys.createPrimary(resources, input),
    openPersistent: (handle) => keys.openPersistent(resources, handle),
    readPublic: (object) => keys.readPublic(resources, object),
    nvReadPublic: (index) => nv.nvReadPublic(connection, index),
    nvRead: (index) => nv.nvRead(connection, index, nvBufferMax),
    startHmacSession: (options) => sessions.startSession(resources, 'hmac', options ?? {}),
    startPolicySession: (options) => sessions.startSession(resources, 'policy', options ?? {}),
    policySecretEndorsement: (session) => sessions.policySecretEndorsement(resources, session),
    policyOr: (session, digests) => sessions.policyOr(resources, session, digests),
    policyPcr: (session, selection) => sessions.policyPcr(resources, session, selection),
    policySigned: (input) => sessions.policySigned(resources, input),
    sessionNonce: (session) => sessions.sessionNonce(resources, session),
    create: (input) => keys.create(resources, input),
    load: (input) => keys.load(resources, input),
    loadExternal: (publicArea) => sealed.loadExternal(resources, publicArea),
    import: (input) => sealed.importObject(resources, input),
    unseal: (input) => sealed.unseal(resources, input),
    setAuth: (object, auth) => keys.setAuth(resources, object, auth),
    quote: (input) => attestation.quote(resources, input),
    certify: (input) => attestation.certify(resources, input),
    activateCredential: (input) => attestation.activateCredential(resources, input),
    pcrRead: (selection) => pcr.pcrRead(connection, selection),
    pcrExtend: (index, digests) => pcr.pcrExtend(connection, index, digests),
    readClock: () => attestation.readClock(connection),
    flush: (item) => resources.flush(item),
    close: () => connection.close((send) => resources.flushAll(send)),
  };
}
