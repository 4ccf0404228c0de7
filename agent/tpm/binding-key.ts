import type { BindingKey } from '@touchstone/schemas';
import { BINDING_TEMPLATES, encodeTpm2bPublic, hash } from '@touchstone/tpm';
import type { Tpm, TpmObject } from 'node-tpm2-tss-bindings';
import { type BindingRecord, newAuth } from '../state/identity.ts';
import { withEkPolicy, withSaltedSession } from './attestation-key.ts';
import type { EndorsementKey } from './endorsement-key.ts';

const LABEL = Buffer.from('touchstone/binding/1\0', 'utf8');

/**
 * Makes the key that secrets are bound to: an ordinary child of the EK with an auth of its own, made by the one
 * template for that EK.
 */
export async function createBindingKey(
  tpm: Tpm,
  ek: EndorsementKey,
  akName: string,
): Promise<BindingRecord> {
  const auth = newAuth();
  const made = await withEkPolicy(tpm, ek, (parentSession) =>
    withSaltedSession(tpm, ek, (encryptSession) =>
      tpm.create({
        ...{ parent: ek.object, parentSession, encryptSession, auth },
        inPublic: encodeTpm2bPublic(BINDING_TEMPLATES[ek.nameAlg]),
      }),
    ),
  );
  const record: BindingRecord = {
    schema: 'touchstone/agent-binding-key/1',
    akName,
    public: base64Url(made.public),
    private: base64Url(made.private),
    auth: base64Url(auth),
  };
  auth.fill(0);
  return record;
}

/** TPM2_Certify by the AK over one challenge. The key leaves the TPM again. */
export async function certifyBindingKey(
  tpm: Tpm,
  ek: EndorsementKey,
  {
    ak,
    record,
    challenge,
  }: { readonly ak: TpmObject; readonly record: BindingRecord; readonly challenge: string },
): Promise<BindingKey> {
  const object = await loadBindingKey(tpm, ek, record);
  try {
    const { attest, signature } = await withSaltedSession(tpm, ek, (objectSession) =>
      withSaltedSession(tpm, ek, (keySession) =>
        tpm.certify({
          ...{ object, objectSession, key: ak, keySession },
          qualifyingData: hash('sha256', LABEL, Buffer.from(challenge, 'base64url')),
        }),
      ),
    );
    const { qualifiedName } = await tpm.readPublic(ek.object);
    return {
      public: record.public,
      attest: base64Url(attest),
      signature: base64Url(signature),
      parentQualifiedName: Buffer.from(qualifiedName).toString('hex'),
    };
  } finally {
    await tpm.flush(object).catch(() => undefined);
  }
}

/** With its auth. @throws TpmError, where the TPM was cleared since: TPM_RC_INTEGRITY */
export async function loadBindingKey(
  tpm: Tpm,
  ek: EndorsementKey,
  record: BindingRecord,
): Promise<TpmObject> {
  const auth = Buffer.from(record.auth, 'base64url');
  try {
    return await withEkPolicy(tpm, ek, (parentSession) =>
      tpm.load({
        ...{ parent: ek.object, parentSession, auth },
        private: Buffer.from(record.private, 'base64url'),
        public: Buffer.from(record.public, 'base64url'),
      }),
    );
  } finally {
    auth.fill(0);
  }
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
