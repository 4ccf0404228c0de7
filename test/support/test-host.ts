import { randomUUID, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Static } from 'typebox';
import { parseEkCertificate } from '@touchstone/endorsement';
import {
  ActivationAnswer,
  type BindingKey,
  ChallengeAnswer,
  checkAgainst,
  EnrollmentChallenge,
  type Evidence,
  EvidenceAnswer,
  type HostEnrolment,
  HostEnrolmentAnswer,
  PermitsAnswer,
  type Purpose,
  type StartRequest,
  type Statement,
  TrustBundle,
  TrustBundles,
} from '@touchstone/schemas';
import { type Client, pinnedClient } from '@touchstone/transport';
import { BootedTpm, type KeptTpm } from './booted-tpm.ts';
import type { Dishonesty } from './dishonesty.ts';
import { madeBinding } from './made-binding.ts';
import { madeEvidence } from './made-evidence.ts';
import { GOOD_BOOT } from './measured-boot.ts';
import type { Touchstone } from './touchstone.ts';

/** A host whose agent is the test itself: evidence of a real TPM, that can be made wrong at any place. */
export class TestHost extends BootedTpm {
  /** A test may go to another replica. */
  touchstone: Touchstone;
  /** What it calls itself; a test may call it as another is called. */
  name: string;
  hostId: string | null = null;
  certificates: string[] = [];
  /** Of its statements. */
  statements: Statement['schema'] = 'touchstone/statement/1';

  private constructor(touchstone: Touchstone, name: string, tpm: KeptTpm) {
    super(tpm);
    this.touchstone = touchstone;
    this.name = name;
  }

  /** Booted, with an AK, known to nobody. */
  static async boot(touchstone: Touchstone, boot = GOOD_BOOT): Promise<TestHost> {
    const name = `host-${randomUUID().slice(0, 8)}`;
    const host = new TestHost(touchstone, name, await TestHost.newTpm());
    try {
      await host.open(boot);
    } catch (error) {
      await host.stop();
      throw error;
    }
    return host;
  }

  /** Booted, enrolled with a token that approves it, and trusted by a baseline of its own. */
  static async trusted(touchstone: Touchstone, boot = GOOD_BOOT): Promise<TestHost> {
    const host = await TestHost.boot(touchstone, boot);
    try {
      const label = { site: host.name };
      await host.certify();
      await host.enrol(await touchstone.joinToken({ labels: label }));
      await touchstone.approveBaselineOf(host.name, host.name);
    } catch (error) {
      await host.stop();
      throw error;
    }
    return host;
  }

  /** Another machine on which a copy of this one's TPM runs, from what it had saved until now. */
  async copied(boot = GOOD_BOOT): Promise<TestHost> {
    const copy = new TestHost(this.touchstone, this.name, await this.copyTpm());
    Object.assign(copy, { hostId: this.hostId, certificates: this.certificates });
    await copy.open(boot);
    return copy;
  }

  /** The newest, as an agent takes its first. */
  async trustBundle(): Promise<TrustBundle> {
    const { bundles } = await this.touchstone.client.request({
      method: 'GET',
      path: '/v1/trust-bundle',
      schema: TrustBundles,
    });
    const [, payload = ''] = bundles[0]?.split('.') ?? [];
    return checkAgainst(TrustBundle, JSON.parse(Buffer.from(payload, 'base64url').toString()));
  }

  /** A client of the CA, by the pin of the server's trust bundle. */
  async ca(): Promise<Client> {
    const { ca } = await this.trustBundle();
    return pinnedClient({ url: ca.url, pin: ca.pin });
  }

  /** What a host sends the CA: POST /v1/enrollments. */
  async enrollmentRequest(akPublic: Uint8Array = this.akPublic) {
    const certificate = parseEkCertificate(await this.tpm.nvRead(0x01c00002)).der;
    const chain = await Promise.all(
      ['issuercert.pem', 'swtpm-localca-rootca-cert.pem'].map(async (file) => {
        const pem = await readFile(join(this.swtpm.caDir, file));
        return new Uint8Array(new X509Certificate(pem).raw);
      }),
    );
    const { public: ekPublic } = await this.tpm.readPublic(this.ek);
    return {
      ekCertificates: [certificate, ...chain].map(base64Url),
      ekPublic: base64Url(ekPublic),
      akPublic: base64Url(akPublic),
      software: true,
    };
  }

  /** The AK certificate from the CA, or from another one; by default the host calls itself software. */
  async certify({
    from,
    software = true,
  }: { from?: Client; software?: boolean } = {}): Promise<void> {
    const ca = from ?? (await this.ca());
    try {
      const body = { ...(await this.enrollmentRequest()), software };
      const challenge = await ca.request({
        method: 'POST',
        path: '/v1/enrollments',
        schema: EnrollmentChallenge,
        body,
      });
      const secret = base64Url(await this.activate(challenge));
      const path = `/v1/enrollments/${challenge.enrollmentId}/activation`;
      const schema = ActivationAnswer;
      this.certificates = (
        await ca.request({ method: 'POST', path, schema, body: { secret } })
      ).certificates;
    } finally {
      if (from === undefined) await ca.close();
    }
  }

  /** What a host sends the server to become one. */
  async enrolment(joinToken?: string, dishonesty: Dishonesty = {}): Promise<HostEnrolment> {
    const evidence = await this.evidence('enrol', { hostId: null, ...dishonesty });
    return {
      certificates: this.certificates,
      akPublic: base64Url(this.akPublic),
      evidence,
      binding: await this.binding(challengeIn(evidence), dishonesty),
      name: this.name,
      ...(joinToken === undefined ? {} : { joinToken }),
    };
  }

  /** POST /v1/hosts. */
  async enrol(joinToken?: string, dishonesty: Dishonesty = {}) {
    return this.deliverEnrolment(await this.enrolment(joinToken, dishonesty));
  }

  async deliverEnrolment(body: HostEnrolment) {
    const schema = HostEnrolmentAnswer;
    const to = { method: 'POST', path: '/v1/hosts', schema, body } as const;
    const answer = await this.touchstone.client.request(to);
    this.hostId = answer.hostId;
    return answer;
  }

  challenge(
    purpose: 'attest' | 'permit' | 'enrol',
    akName = this.akName,
  ): Promise<Static<typeof ChallengeAnswer>> {
    const body = { akName, purpose };
    const schema = ChallengeAnswer;
    return this.touchstone.client.request({ method: 'POST', path: '/v1/challenges', schema, body });
  }

  /** To attest, from another server of the deployment. */
  challengeFrom({ client }: Pick<Touchstone, 'client'>): Promise<Static<typeof ChallengeAnswer>> {
    const body = { akName: this.akName, purpose: 'attest' };
    const to = { method: 'POST', path: '/v1/challenges', schema: ChallengeAnswer } as const;
    return client.request({ ...to, body });
  }

  binding(challenge: string, dishonesty: Dishonesty = {}): Promise<BindingKey> {
    return madeBinding(this, challenge, dishonesty);
  }

  evidence(purpose: Purpose, dishonesty: Dishonesty = {}): Promise<Evidence> {
    return madeEvidence(this, purpose, dishonesty);
  }

  /** POST /v1/evidence. */
  deliver(evidence: Evidence) {
    const schema = EvidenceAnswer;
    return this.touchstone.client.request({
      method: 'POST',
      path: '/v1/evidence',
      schema,
      body: evidence,
    });
  }

  async attest(dishonesty: Dishonesty = {}) {
    return this.deliver(await this.evidence('attest', dishonesty));
  }

  /** POST /v1/permits. */
  deliverForPermit(evidence: Evidence) {
    const schema = PermitsAnswer;
    return this.touchstone.client.request({
      method: 'POST',
      path: '/v1/permits',
      schema,
      body: evidence,
    });
  }

  async askForPermit(vm: string, dishonesty: Dishonesty = {}) {
    const permits = dishonesty.permits ?? [startRequest(vm)];
    return this.deliverForPermit(await this.evidence('permit', { ...dishonesty, permits }));
  }
}

export const startRequest = (vm: string): StartRequest => ({
  requestId: randomUUID(),
  vm,
  operation: 'start',
  definitionDigest: 'dd'.repeat(32),
  imageDigests: [],
});

/** Of the statement, as far as it can be read. */
function challengeIn({ statement }: Evidence): string {
  try {
    const { challenge } = JSON.parse(Buffer.from(statement, 'base64url').toString()) as Statement;
    return challenge;
  } catch {
    return '';
  }
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
