import { randomBytes } from 'node:crypto';
import { AK_TEMPLATE_ECC_P256, encodeTpm2bPublic } from '@touchstone/tpm';
import type { CreatedKey, Tpm, TpmObject, TpmSession } from 'node-tpm2-tss-bindings';

export const EK_HANDLE = 0x81010001;
export const AK_TEMPLATE = encodeTpm2bPublic(AK_TEMPLATE_ECC_P256);

/** TPML_PCR_SELECTION: SHA-256, PCR 0 to 23. */
export const ALL_SHA256 = Buffer.from('00000001000b03ffffff', 'hex');

export interface Attester {
  readonly ek: TpmObject;
  readonly ak: TpmObject;
  readonly akBlobs: CreatedKey;
  readonly akAuth: Buffer;
  /** Salted to the EK. */
  readonly session: TpmSession;
}

/** As at enrolment: the EK from its persistent handle, and an AK with an auth as its child. */
export async function attesterOf(tpm: Tpm): Promise<Attester> {
  const ek = await tpm.openPersistent(EK_HANDLE);
  const session = await tpm.startHmacSession({ saltKey: ek });
  const akAuth = randomBytes(32);
  const akBlobs = await withEkPolicy(tpm, (parentSession) =>
    tpm.create({
      parent: ek,
      parentSession,
      inPublic: AK_TEMPLATE,
      auth: akAuth,
      encryptSession: session,
    }),
  );
  const ak = await withEkPolicy(tpm, (parentSession) =>
    tpm.load({ parent: ek, parentSession, ...akBlobs, auth: akAuth, encryptSession: session }),
  );
  return { ek, ak, akBlobs, akAuth, session };
}

/** A fresh session for one command: the EK's policy is PolicySecret(endorsement). */
export async function withEkPolicy<T>(
  tpm: Tpm,
  use: (session: TpmSession) => Promise<T>,
): Promise<T> {
  const session = await tpm.startPolicySession();
  try {
    await tpm.policySecretEndorsement(session);
    return await use(session);
  } finally {
    await tpm.flush(session);
  }
}
