import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ActivationAnswer,
  EnrollmentChallenge,
  HostEnrolmentAnswer,
  type TrustBundle,
  TrustBundle as TrustBundleSchema,
} from '@touchstone/schemas';
import { type Client, pinnedClient } from '@touchstone/transport';
import { agentError } from './codes.ts';
import { answerChallenge } from './evidence/deliver.ts';
import {
  type Enrolment,
  type KeyRecord,
  readEnrolment,
  readKeyRecord,
  writeEnrolment,
  writeKeyRecord,
} from './state/identity.ts';
import { activateCredential } from './tpm/attestation-key.ts';
import type { Attester } from './tpm/attester.ts';

export type EnrolmentInput = {
  readonly stateDir: string;
  readonly attester: Attester;
  readonly server: string;
  readonly fingerprint: string;
  readonly name: string;
  readonly joinToken?: string;
  readonly progress: (line: string) => void;
};

/**
 * DESIGN section 4, Enrol. Every step may be repeated: an enrolment that stopped half-way goes on with
 * the key that it made.
 * @throws AppError ALREADY_ENROLLED, or what the TPM, the CA or the server refused
 */
export async function enrol(input: EnrolmentInput): Promise<Enrolment & { state: string }> {
  const { stateDir, attester, server, fingerprint, progress } = input;
  if ((await readEnrolment(stateDir)) !== null) {
    throw agentError('ALREADY_ENROLLED', { status: 409, detail: stateDir });
  }
  const client = pinnedClient({ url: server, pin: fingerprint });
  try {
    progress('asking the server, by its pinned key, for the trust bundle');
    const trustBundle = await takeTrustBundle(client);
    progress('opening the software TPM and making the attestation key');
    const key = await ownKey(stateDir, attester);
    progress(`proving to the CA that this TPM holds it (AK ${key.akName.slice(0, 16)}…)`);
    const certificates = await certify(input, trustBundle, key);
    progress('sending the first evidence to the server');
    const { evidence } = await answerChallenge(
      { client, attester, key },
      { purpose: 'enrol', hostId: null, bundleEpoch: trustBundle.epoch },
    );
    const answer = await client.request({
      method: 'POST',
      path: '/v1/hosts',
      schema: HostEnrolmentAnswer,
      body: {
        certificates,
        akPublic: key.public,
        evidence,
        name: input.name,
        ...(input.joinToken === undefined ? {} : { joinToken: input.joinToken }),
      },
    });
    const enrolment: Enrolment = {
      schema: 'touchstone/agent-enrolment/1',
      hostId: answer.hostId,
      class: answer.class,
      server,
      fingerprint,
      certificates,
      intervalSeconds: answer.intervalSeconds,
      trustBundle,
    };
    await writeEnrolment(stateDir, enrolment);
    return { ...enrolment, state: answer.state };
  } finally {
    await client.close();
  }
}

async function takeTrustBundle(client: Client): Promise<TrustBundle> {
  const bundle = await client.request({
    method: 'GET',
    path: '/v1/trust-bundle',
    schema: TrustBundleSchema,
  });
  if (Date.parse(bundle.notAfter) <= Date.now()) {
    throw agentError('TRUST_BUNDLE_EXPIRED', { detail: bundle.notAfter });
  }
  return bundle;
}

async function ownKey(stateDir: string, attester: Attester): Promise<KeyRecord> {
  const known = await readKeyRecord(stateDir);
  if (known !== null) return known;
  const made = await attester.createKey();
  await writeKeyRecord(stateDir, made);
  return made;
}

/** Credential activation with the CA; the certificate has to come from the deployment's own anchor. */
async function certify(
  { stateDir, attester }: EnrolmentInput,
  bundle: TrustBundle,
  key: KeyRecord,
): Promise<string[]> {
  const ca = pinnedClient({ url: bundle.ca.url, pin: bundle.ca.pin });
  try {
    const object = await attester.key(key);
    const challenge = await attester.use(async (_tpm, ek) =>
      ca.request({
        method: 'POST',
        path: '/v1/enrollments',
        schema: EnrollmentChallenge,
        body: {
          ekCertificates: [ek.certificate, ...(await softwareChain(stateDir))].map(base64Url),
          ekPublic: base64Url(ek.public),
          akPublic: key.public,
          software: true,
        },
      }),
    );
    const secret = await attester.use((tpm, ek) =>
      activateCredential(tpm, ek, object, {
        credentialBlob: Buffer.from(challenge.credentialBlob, 'base64url'),
        secret: Buffer.from(challenge.secret, 'base64url'),
      }),
    );
    const body = { secret: base64Url(secret) };
    secret.fill(0);
    const { certificates } = await ca.request({
      method: 'POST',
      path: `/v1/enrollments/${challenge.enrollmentId}/activation`,
      schema: ActivationAnswer,
      body,
    });
    checkChain(certificates, bundle.anchors);
    return certificates;
  } finally {
    await ca.close();
  }
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** The local CA's certificates, where they are: for the CA's record. They make nothing trusted. */
async function softwareChain(stateDir: string): Promise<Uint8Array[]> {
  const chain: Uint8Array[] = [];
  for (const name of ['issuercert.pem', 'swtpm-localca-rootca-cert.pem']) {
    const pem = await readFile(join(stateDir, 'swtpm', name)).catch(() => null);
    if (pem !== null) chain.push(new X509Certificate(pem).raw);
  }
  return chain;
}

/** Each certificate is signed by the next, the last by an anchor. @throws AppError CERTIFICATE_UNTRUSTED */
function checkChain(certificates: readonly string[], anchors: readonly string[]): void {
  const chain = certificates.map((pem) => new X509Certificate(pem));
  const roots = anchors.map((pem) => new X509Certificate(pem));
  const vouched = chain.every((certificate, index) => {
    const issuers = index + 1 < chain.length ? chain.slice(index + 1, index + 2) : roots;
    return issuers.some((issuer) => issuer.ca && certificate.verify(issuer.publicKey));
  });
  if (!vouched) throw agentError('CERTIFICATE_UNTRUSTED', { status: 502 });
}
