import {
  ActivationAnswer,
  EnrollmentChallenge,
  type Finding,
  type TrustBundle,
} from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { requireVouched } from './certificate-path.ts';
import type { Network } from './network.ts';
import type { KeyRecord } from './state/identity.ts';
import { activateCredential } from './tpm/attestation-key.ts';
import { caPinsOf } from './tls-pins.ts';
import type { Attester } from './tpm/attester.ts';

/** The AK's certificate and its issuers, and the enrolment at the CA under which it is renewed. */
export type Certified = {
  readonly certificates: string[];
  readonly enrollmentId: string;
  /** What the CA says of the TPM's certificate, none of which speaks against it. */
  readonly findings: readonly Finding[];
};

/** What is needed to answer the CA's challenges. */
type Prover = {
  readonly attester: Attester;
  readonly key: KeyRecord;
  readonly bundle: TrustBundle;
  readonly network: Network;
  /** Runs what needs the TPM: never while the CA is waited for, since VM starts need it too. */
  readonly hold: <T>(work: () => Promise<T>) => Promise<T>;
};

/**
 * Credential activation with the CA, for an AK that it does not know yet.
 * @throws AppError CERTIFICATE_UNTRUSTED, or what the CA or the TPM refused
 */
export function certify(prover: Prover): Promise<Certified> {
  return withCa(prover, async (ca) => {
    const { attester, key, hold } = prover;
    const [ek, chain] = await hold(async () => [
      await attester.use(async (_tpm, held) => held),
      await attester.ekChain(),
    ]);
    const challenge = await ca.request({
      method: 'POST',
      path: '/v1/enrollments',
      schema: EnrollmentChallenge,
      body: {
        ekCertificates: ek.certificate === null ? [] : [ek.certificate, ...chain].map(base64Url),
        ekPublic: base64Url(ek.public),
        akPublic: key.public,
        software: attester.tpm.kind === 'software',
      },
    });
    const certificates = await activate(ca, prover, challenge);
    const { enrollmentId, findings = [] } = challenge;
    return { certificates, enrollmentId, findings };
  });
}

/**
 * Renewal: the CA knows AK and EK already, and one TPM2_ActivateCredential proves both again.
 * @throws AppError CERTIFICATE_UNTRUSTED, or what the CA or the TPM refused
 */
export function recertify(enrollmentId: string, prover: Prover): Promise<string[]> {
  return withCa(prover, async (ca) => {
    const challenge = await ca.request({
      method: 'POST',
      path: `/v1/enrollments/${enrollmentId}/renewals`,
      schema: EnrollmentChallenge,
      body: {},
    });
    return activate(ca, prover, challenge);
  });
}

async function withCa<T>({ bundle, network }: Prover, use: (ca: Client) => Promise<T>): Promise<T> {
  const ca = network.pinned({ url: bundle.ca.url, pin: () => caPinsOf(bundle) });
  try {
    return await use(ca);
  } finally {
    await ca.close();
  }
}

/** The certificate has to come from the deployment's own anchor. */
async function activate(
  ca: Client,
  { attester, key, bundle, hold }: Prover,
  challenge: EnrollmentChallenge,
): Promise<string[]> {
  const secret = await hold(async () => {
    const object = await attester.key(key);
    return attester.use((tpm, ek) =>
      activateCredential(tpm, ek, object, {
        credentialBlob: Buffer.from(challenge.credentialBlob, 'base64url'),
        secret: Buffer.from(challenge.secret, 'base64url'),
      }),
    );
  });
  const body = { secret: base64Url(secret) };
  secret.fill(0);
  const { certificates } = await ca.request({
    method: 'POST',
    path: `/v1/enrollments/${challenge.enrollmentId}/activation`,
    schema: ActivationAnswer,
    body,
  });
  requireVouched(certificates, bundle.anchors);
  return certificates;
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
