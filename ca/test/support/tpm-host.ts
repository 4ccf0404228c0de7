import { randomBytes } from 'node:crypto';
import { openTpm, type Tpm, type TpmObject, type TpmSession } from 'node-tpm2-tss-bindings';
import type { EnrollmentChallenge, EnrollmentRequest } from '@touchstone/schemas';
import { AK_TEMPLATE_ECC_P256, encodeTpm2bPublic } from '@touchstone/tpm';
import { PATIENT_MS, startSwtpm, type Swtpm } from '../../../test/support/swtpm.ts';

/** Where swtpm_setup leaves the RSA-2048 EK, and its certificate. */
const EK_HANDLE = 0x81010001;
const EK_CERTIFICATE = 0x01c00002;

/** A host with a software TPM, its EK, and two AKs. */
export interface TpmHost {
  readonly swtpm: Swtpm;
  /** TPM2B_PUBLIC. */
  readonly ekPublic: Uint8Array;
  readonly ekCertificate: Uint8Array;
  readonly aks: readonly [HostAk, HostAk];
  request(ak?: HostAk): EnrollmentRequest;
  /** TPM2_ActivateCredential, base64url as the wire has it. */
  activate(challenge: EnrollmentChallenge, ak?: HostAk): Promise<string>;
  stop(): Promise<void>;
}

export interface HostAk {
  readonly publicArea: Uint8Array;
  readonly object: TpmObject;
}

export async function startTpmHost(): Promise<TpmHost> {
  const swtpm = await startSwtpm();
  let tpm: Tpm | undefined;
  const stop = async () => {
    await tpm?.close();
    await swtpm.stop();
  };
  try {
    tpm = await openTpm({ tcti: swtpm.tcti, commandTimeoutMs: PATIENT_MS });
    return await hostOf(swtpm, tpm, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function hostOf(swtpm: Swtpm, tpm: Tpm, stop: () => Promise<void>): Promise<TpmHost> {
  const ek = await tpm.openPersistent(EK_HANDLE);
  const { public: ekPublic } = await tpm.readPublic(ek);
  const ekCertificate = await tpm.nvRead(EK_CERTIFICATE);
  const session = await tpm.startHmacSession({ saltKey: ek });
  const aks = [await createAk(tpm, ek, session), await createAk(tpm, ek, session)] as const;
  return {
    ...{ swtpm, ekPublic, ekCertificate, aks, stop },
    request: (ak = aks[0]) => ({
      ekCertificates: [base64Url(ekCertificate)],
      ekPublic: base64Url(ekPublic),
      akPublic: base64Url(ak.publicArea),
      software: true,
    }),
    activate: async (challenge, ak = aks[0]) =>
      withEkPolicy(tpm, async (parentSession) =>
        base64Url(
          await tpm.activateCredential({
            ...{ key: ak.object, keySession: session, parent: ek, parentSession },
            credentialBlob: Buffer.from(challenge.credentialBlob, 'base64url'),
            secret: Buffer.from(challenge.secret, 'base64url'),
          }),
        ),
      ),
  };
}

/** An ordinary child of the EK with an auth of its own. */
async function createAk(tpm: Tpm, ek: TpmObject, session: TpmSession): Promise<HostAk> {
  const auth = randomBytes(32);
  const inPublic = encodeTpm2bPublic(AK_TEMPLATE_ECC_P256);
  const blobs = await withEkPolicy(tpm, (parentSession) =>
    tpm.create({ parent: ek, parentSession, inPublic, auth, encryptSession: session }),
  );
  const object = await withEkPolicy(tpm, (parentSession) =>
    tpm.load({ parent: ek, parentSession, ...blobs, auth, encryptSession: session }),
  );
  const { public: publicArea } = await tpm.readPublic(object);
  return { publicArea, object };
}

async function withEkPolicy<T>(tpm: Tpm, use: (session: TpmSession) => Promise<T>): Promise<T> {
  const session = await tpm.startPolicySession();
  try {
    await tpm.policySecretEndorsement(session);
    return await use(session);
  } finally {
    await tpm.flush(session);
  }
}

export const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
