import { ESYS_TR_NONE, ESYS_TR_RH_NULL, NO_SESSIONS } from './resources.ts';
import type { Resources, TpmObject, TpmSession } from './resources.ts';
import { Output, sized, structure, withOutputs } from './structures.ts';

/** sizeof(TPM2B_SENSITIVE_DATA) in tpm2-tss 3 and 4: a size and 256 bytes. */
const SENSITIVE_DATA_BYTES = 258;
/** TPMT_SYM_DEF_OBJECT of TPM_ALG_NULL: there is no inner wrap, and so no key for it. */
const NO_INNER_WRAP = Uint8Array.of(0x00, 0x10);
const EMPTY = new Uint8Array();

export interface ImportInput {
  /** The storage key that the duplicate was made for. */
  readonly parent: TpmObject;
  /** Proves its auth. */
  readonly parentSession: TpmSession;
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  /** TPM2B_PRIVATE, under the outer wrap alone. */
  readonly duplicate: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly seed: Uint8Array;
}

/** TPM2_Import: Part 3, 13.3. Gives TPM2B_PRIVATE, for TPM2_Load below the same parent. */
export function importObject(resources: Resources, input: ImportInput): Promise<Uint8Array> {
  const command = 'TPM2_Import';
  return withOutputs([new Output('TPM2B_PRIVATE')], (outPrivate) =>
    resources.connection.run(command, async (send) => {
      await send(
        'Esys_Import',
        resources.objectTr(command, input.parent),
        ...resources.withEncryption(command, [input.parentSession]),
        structure('TPM2B_DATA', sized(EMPTY), command),
        structure('TPM2B_PUBLIC', input.public, command),
        structure('TPM2B_PRIVATE', input.duplicate, command),
        structure('TPM2B_ENCRYPTED_SECRET', input.seed, command),
        structure('TPMT_SYM_DEF_OBJECT', NO_INNER_WRAP, command),
        outPrivate.cell,
      );
      return outPrivate.read();
    }),
  );
}

/** TPM2_Unseal: Part 3, 12.7. The session meets the object's policy, and encrypts the answer: overwrite it after use. */
export function unseal(
  resources: Resources,
  { object, session }: { readonly object: TpmObject; readonly session: TpmSession },
): Promise<Buffer> {
  const command = 'TPM2_Unseal';
  return withOutputs([new Output('TPM2B_SENSITIVE_DATA', SENSITIVE_DATA_BYTES)], (outData) =>
    resources.connection.run(command, async (send) => {
      await send(
        'Esys_Unseal',
        resources.objectTr(command, object),
        resources.withEncryptedResponse(command, session),
        ...[ESYS_TR_NONE, ESYS_TR_NONE],
        outData.cell,
      );
      return outData.readSized();
    }),
  );
}

/** TPM2_LoadExternal: Part 3, 12.3: a public area alone, in no hierarchy. */
export function loadExternal(resources: Resources, publicArea: Uint8Array): Promise<TpmObject> {
  const command = 'TPM2_LoadExternal';
  return resources.connection.run(command, async (send) => {
    const cell = Buffer.alloc(4);
    await send(
      'Esys_LoadExternal',
      ...NO_SESSIONS,
      null,
      structure('TPM2B_PUBLIC', publicArea, command),
      ESYS_TR_RH_NULL,
      cell,
    );
    return resources.addObject(command, cell);
  });
}
