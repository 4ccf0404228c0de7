import {
  ESYS_TR_RH_ENDORSEMENT,
  ESYS_TR_RH_NULL,
  ESYS_TR_RH_OWNER,
  NO_SESSIONS,
  PASSWORD,
} from './resources.ts';
import type { Resources, TpmObject, TpmSession } from './resources.ts';
import { Output, sized, structure, withOutputs } from './structures.ts';
import { TpmError } from './tpm-error.ts';

const HIERARCHY = {
  endorsement: ESYS_TR_RH_ENDORSEMENT,
  owner: ESYS_TR_RH_OWNER,
  null: ESYS_TR_RH_NULL,
} as const;
/** TPML_PCR_SELECTION of none. */
const NO_PCRS = new Uint8Array(4);
const EMPTY = new Uint8Array();

export interface CreatePrimaryInput {
  readonly hierarchy: keyof typeof HIERARCHY;
  /** TPM2B_PUBLIC: the template. */
  readonly inPublic: Uint8Array;
}

/** TPM2_CreatePrimary: Part 3, 24.1. The hierarchy's auth is taken to be empty, and so is the key's. */
export function createPrimary(resources: Resources, input: CreatePrimaryInput): Promise<TpmObject> {
  const command = 'TPM2_CreatePrimary';
  return withOutputs(
    [new Output('TPM2B_PUBLIC'), ...creationOutputs()],
    (publicArea, ...creation) =>
      resources.connection.run(command, async (send) => {
        const cell = Buffer.alloc(4);
        await send(
          'Esys_CreatePrimary',
          HIERARCHY[input.hierarchy],
          ...PASSWORD,
          structure('TPM2B_SENSITIVE_CREATE', sensitiveCreate(EMPTY), command),
          structure('TPM2B_PUBLIC', input.inPublic, command),
          structure('TPM2B_DATA', sized(EMPTY), command),
          structure('TPML_PCR_SELECTION', NO_PCRS, command),
          cell,
          publicArea.cell,
          ...creation.map((output) => output.cell),
        );
        return resources.addObject(command, cell);
      }),
  );
}

/** A handle that the TPM keeps over power cuts. The Name is taken from it unauthenticated: compare it. */
export function openPersistent(resources: Resources, handle: number): Promise<TpmObject> {
  const command = 'TPM2_ReadPublic';
  return resources.connection.run(command, async (send) => {
    if (handle >>> 24 !== 0x81) {
      throw new TpmError('TPM_MISUSE', command, 'not the handle of a persistent object');
    }
    const cell = Buffer.alloc(4);
    await send('Esys_TR_FromTPMPublic', handle, ...NO_SESSIONS, cell);
    return resources.addObject(command, cell);
  });
}

export interface PublicArea {
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  /** nameAlg, then the digest. */
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
}

/** TPM2_ReadPublic: Part 3, 12.4. */
export function readPublic(resources: Resources, object: TpmObject): Promise<PublicArea> {
  const command = 'TPM2_ReadPublic';
  const outputs = [
    new Output('TPM2B_PUBLIC'),
    new Output('TPM2B_NAME'),
    new Output('TPM2B_NAME'),
  ] as const;
  return withOutputs(outputs, (publicArea, name, qualifiedName) =>
    resources.connection.run(command, async (send) => {
      await send(
        'Esys_ReadPublic',
        resources.objectTr(command, object),
        ...NO_SESSIONS,
        publicArea.cell,
        name.cell,
        qualifiedName.cell,
      );
      return {
        public: publicArea.read(),
        name: name.readSized(),
        qualifiedName: qualifiedName.readSized(),
      };
    }),
  );
}

export interface CreateInput {
  readonly parent: TpmObject;
  /** Authorizes the parent: for an EK a policy session in which its policy has been met. */
  readonly parentSession: TpmSession;
  /** TPM2B_PUBLIC: the template. */
  readonly inPublic: Uint8Array;
  readonly auth: Uint8Array;
  /** Encrypts `auth` on its way, where the parent's session is not salted. */
  readonly encryptSession?: TpmSession;
}

export interface CreatedKey {
  /** TPM2B_PRIVATE: encrypted, of use to this TPM only. */
  readonly private: Uint8Array;
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
}

/** TPM2_Create: Part 3, 12.1. */
export function create(resources: Resources, input: CreateInput): Promise<CreatedKey> {
  const command = 'TPM2_Create';
  const sessions = [input.parentSession, input.encryptSession].filter((s) => s !== undefined);
  const outputs = [
    new Output('TPM2B_PRIVATE'),
    new Output('TPM2B_PUBLIC'),
    ...creationOutputs(),
  ] as const;
  return withOutputs(outputs, (privateArea, publicArea, ...creation) =>
    resources.connection.run(command, async (send) => {
      if (input.auth.length > 0 && !sessions.some((session) => session.salted)) {
        throw new TpmError('TPM_MISUSE', command, 'the auth would go over the bus in the clear');
      }
      const sensitiveWire = sensitiveCreate(input.auth);
      const sensitive = structure('TPM2B_SENSITIVE_CREATE', sensitiveWire, command);
      try {
        await send(
          'Esys_Create',
          resources.objectTr(command, input.parent),
          ...resources.withEncryption(command, sessions),
          sensitive,
          structure('TPM2B_PUBLIC', input.inPublic, command),
          structure('TPM2B_DATA', sized(EMPTY), command),
          structure('TPML_PCR_SELECTION', NO_PCRS, command),
          privateArea.cell,
          publicArea.cell,
          ...creation.map((output) => output.cell),
        );
      } finally {
        sensitive.fill(0);
        sensitiveWire.fill(0);
      }
      return { private: privateArea.read(), public: publicArea.read() };
    }),
  );
}

export interface LoadInput {
  readonly parent: TpmObject;
  readonly parentSession: TpmSession;
  /** TPM2B_PRIVATE. */
  readonly private: Uint8Array;
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  readonly auth?: Uint8Array;
  readonly encryptSession?: TpmSession;
}

/** TPM2_Load: Part 3, 12.2. After TPM2_Clear it answers TPM_RC_INTEGRITY. */
export function load(resources: Resources, input: LoadInput): Promise<TpmObject> {
  const command = 'TPM2_Load';
  const sessions = [input.parentSession, input.encryptSession].filter((s) => s !== undefined);
  return resources.connection.run(command, async (send) => {
    // Refused before the key takes one of the TPM's few places, not after.
    if (input.auth !== undefined) structure('TPM2B_AUTH', sized(input.auth), command).fill(0);
    const cell = Buffer.alloc(4);
    await send(
      'Esys_Load',
      resources.objectTr(command, input.parent),
      ...resources.withEncryption(command, sessions),
      structure('TPM2B_PRIVATE', input.private, command),
      structure('TPM2B_PUBLIC', input.public, command),
      cell,
    );
    const object = resources.addObject(command, cell);
    if (input.auth !== undefined) resources.setAuth(command, object, input.auth);
    return object;
  });
}

export function setAuth(resources: Resources, object: TpmObject, auth: Uint8Array): Promise<void> {
  const command = 'setAuth';
  return resources.connection.run(command, async () => resources.setAuth(command, object, auth));
}

/** TPM2B_SENSITIVE_CREATE: Part 2, 11.1.16: userAuth, and no data. */
function sensitiveCreate(auth: Uint8Array): Uint8Array {
  const wire = Buffer.alloc(2 + 2 + auth.length + 2);
  wire.writeUInt16BE(2 + auth.length + 2);
  wire.writeUInt16BE(auth.length, 2);
  wire.set(auth, 4);
  return wire;
}

/** Nobody reads them; ESYS allows NULL for each, but then it would be one more way through its code. */
function creationOutputs(): [Output, Output, Output] {
  return [
    new Output('TPM2B_CREATION_DATA'),
    new Output('TPM2B_DIGEST'),
    new Output('TPMT_TK_CREATION'),
  ];
}
