import type { AkKind } from '@touchstone/schemas';
import {
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  nameOf,
  parseTpm2bPublic,
} from '@touchstone/tpm';
import { type Tpm, TpmError, type TpmObject, type TpmSession } from 'node-tpm2-tss-bindings';
import { agentError } from '../codes.ts';
import { type KeyRecord, newAuth } from '../state/identity.ts';
import type { EndorsementKey } from './endorsement-key.ts';

const TEMPLATES = { 'ecc-p256': AK_TEMPLATE_ECC_P256, 'rsa-2048': AK_TEMPLATE_RSA2048 } as const;

/** Of an AK that was made here. */
export const akKindOf = ({ public: publicArea }: KeyRecord): AkKind =>
  parseTpm2bPublic(Buffer.from(publicArea, 'base64url')).type === 'rsa' ? 'rsa-2048' : 'ecc-p256';

/**
 * Makes an AK: an ordinary child of the EK, so that its auth counts and TPM2_Clear ends it. The auth
 * crosses the bus encrypted under a session salted to that EK.
 */
export async function createAttestationKey(
  tpm: Tpm,
  ek: EndorsementKey,
  kind: AkKind,
): Promise<KeyRecord> {
  const auth = newAuth();
  const { private: privateArea, public: publicArea } = await withEkPolicy(
    tpm,
    ek,
    (parentSession) =>
      withSaltedSession(tpm, ek, (encryptSession) =>
        tpm.create({
          parent: ek.object,
          parentSession,
          encryptSession,
          auth,
          inPublic: encodeTpm2bPublic(TEMPLATES[kind]),
        }),
      ),
  );
  const record: KeyRecord = {
    schema: 'touchstone/agent-key/1',
    ekName: ek.name,
    akName: Buffer.from(nameOf(parseTpm2bPublic(publicArea))).toString('hex'),
    public: Buffer.from(publicArea).toString('base64url'),
    private: Buffer.from(privateArea).toString('base64url'),
    auth: auth.toString('base64url'),
  };
  auth.fill(0);
  return record;
}

/** @throws AppError EK_CHANGED for another TPM, AK_LOST for one that was cleared. */
export async function loadAttestationKey(
  tpm: Tpm,
  ek: EndorsementKey,
  record: KeyRecord,
): Promise<TpmObject> {
  if (ek.name !== record.ekName) {
    throw agentError('EK_CHANGED', { detail: `enrolled EK ${record.ekName}, present ${ek.name}` });
  }
  const auth = Buffer.from(record.auth, 'base64url');
  try {
    return await withEkPolicy(tpm, ek, (parentSession) =>
      tpm.load({
        parent: ek.object,
        parentSession,
        private: Buffer.from(record.private, 'base64url'),
        public: Buffer.from(record.public, 'base64url'),
        auth,
      }),
    );
  } catch (cause) {
    // What was wrapped before TPM2_Clear fails its integrity check: Part 3, 12.2. All else may pass.
    if (!(cause instanceof TpmError) || cause.rcName !== 'TPM_RC_INTEGRITY') throw cause;
    throw agentError('AK_LOST', { detail: cause.message, cause });
  } finally {
    auth.fill(0);
  }
}

/** TPM2_ActivateCredential: Part 3, 12.5. The answer is a secret; overwrite it after use. */
export function activateCredential(
  tpm: Tpm,
  ek: EndorsementKey,
  key: TpmObject,
  credential: { readonly credentialBlob: Uint8Array; readonly secret: Uint8Array },
): Promise<Uint8Array> {
  return withEkPolicy(tpm, ek, (parentSession) =>
    withSaltedSession(tpm, ek, (keySession) =>
      tpm.activateCredential({ key, keySession, parent: ek.object, parentSession, ...credential }),
    ),
  );
}

/** A session salted to the EK whose certificate was checked, and to no other key. */
export async function withSaltedSession<T>(
  tpm: Tpm,
  ek: EndorsementKey,
  use: (session: TpmSession) => Promise<T>,
): Promise<T> {
  const session = await tpm.startHmacSession({ saltKey: ek.object });
  try {
    return await use(session);
  } finally {
    await tpm.flush(session).catch(() => undefined);
  }
}

/**
 * The EK is used under its policy, PolicySecret(endorsement), and in the high range the PolicyOR that it is part
 * of: TCG EK Credential Profile 2.5, B.6. Those of the high range could be used by their auth too, which is empty;
 * but in a lockout the TPM takes no auth of a key that has no noDA, and a policy it does.
 */
export async function withEkPolicy<T>(
  tpm: Tpm,
  ek: EndorsementKey,
  use: (session: TpmSession) => Promise<T>,
): Promise<T> {
  const session = await tpm.startPolicySession({ saltKey: ek.object, hash: ek.nameAlg });
  try {
    await tpm.policySecretEndorsement(session);
    if (ek.policyOr !== null) await tpm.policyOr(session, ek.policyOr);
    return await use(session);
  } finally {
    await tpm.flush(session).catch(() => undefined);
  }
}
