import { X509Certificate } from 'node:crypto';
import { CertificateRenewalAnswer, Health } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { recertify } from './certify.ts';
import { bootTime } from './gate/boot-time.ts';
import { renewalTime } from './renewal-time.ts';
import { secondsToRetry } from './schedule.ts';
import type { ServerTime } from './server-time.ts';
import type { Logger } from 'pino';
import type { Attestation } from './evidence/deliver.ts';
import type { HeldEnrolment } from './state/held-enrolment.ts';
import type { Conversations } from './tpm/conversation.ts';
import { followBundles } from './trust-bundle.ts';

/**
 * A fresh activation at the CA, then the new certificate to the server, and only then into the state: one that
 * stopped half-way is done over. Gives whether another issuer signed it than the one before.
 */
async function renewCertificate(
  { client, network, attester, key }: Attestation,
  held: HeldEnrolment,
  conversations: Conversations,
): Promise<boolean> {
  const { enrollmentId, hostId, trustBundle: bundle } = held.current;
  const [before = ''] = held.current.certificates;
  const certificates = await recertify(enrollmentId, {
    ...{ attester, network, key, bundle },
    hold: (work) => conversations.hold('attest', work),
  });
  await client.request({
    method: 'PUT',
    path: `/v1/hosts/${hostId}/certificate`,
    schema: CertificateRenewalAnswer,
    body: { certificates },
  });
  await held.change({ certificates });
  return issuerOf(certificates[0] ?? '') !== issuerOf(before);
}

function issuerOf(pem: string): string | null {
  try {
    return new X509Certificate(pem).issuer;
  } catch {
    return null;
  }
}

const LONGEST_RETRY_SECONDS = 300;
/** Between two renewals, whatever server and CA say of the time: a new certificate may be no better. */
const LEAST_BETWEEN_SECONDS = 300;

/**
 * Renews when it is time, before evidence is given; after any absence that is at once. What time it is the server
 * says, for this host's own clock may be years off. Pauses are by CLOCK_BOOTTIME.
 */
export class Renewal {
  readonly #attestation: Attestation;
  readonly #held: HeldEnrolment;
  readonly #conversations: Conversations;
  readonly #serverTime: ServerTime;
  readonly #log: Logger;
  #due: { readonly of: string; readonly atMs: number } | null = null;
  #notBeforeSeconds = 0;
  #asked = false;
  /** The same for one that was asked for. */
  #askedNotBeforeSeconds = 0;
  #failures = 0;

  constructor(
    attestation: Attestation,
    held: HeldEnrolment,
    by: {
      readonly conversations: Conversations;
      readonly serverTime: ServerTime;
      readonly log: Logger;
    },
  ) {
    this.#attestation = attestation;
    this.#held = held;
    this.#conversations = by.conversations;
    this.#serverTime = by.serverTime;
    this.#log = by.log;
  }

  /**
   * The server has an older certificate than this host's, and that one has ended: it came back from a backup. A new
   * one ends that; this host's own may have half its life left. After a failure the pause stays as it is.
   */
  atOnce(): void {
    const [of = ''] = this.#held.current.certificates;
    this.#due = { of, atMs: -Infinity };
  }

  /**
   * The server asks for a new certificate, or takes no evidence by this one: the CA's keys change. It asks with a
   * challenge or refuses evidence, and a fleet's attestations are spread over the interval: so are their renewals.
   */
  ask(): void {
    this.#asked = true;
  }

  async whenAsked(): Promise<void> {
    if (this.#asked) await this.whenDue();
  }

  /**
   * One that fails is tried again at a later attestation, less and less often, so that a fleet does not lean on a
   * CA that is away: the certificate has half its life left.
   */
  async whenDue(): Promise<void> {
    const [pem = ''] = this.#held.current.certificates;
    if (this.#due?.of !== pem) {
      this.#due = { of: pem, atMs: renewalTime(pem, Math.random()).getTime() };
      this.#failures = 0;
    }
    const asked = this.#asked && bootTime() >= this.#askedNotBeforeSeconds;
    const due = bootTime() >= this.#notBeforeSeconds && (await this.#isAt(this.#due.atMs));
    if (!asked && !due) return;
    await this.#follow();
    try {
      const changed = await renewCertificate(this.#attestation, this.#held, this.#conversations);
      this.#notBeforeSeconds = bootTime() + LEAST_BETWEEN_SECONDS;
      this.#asked = false;
      this.#askedNotBeforeSeconds = changed ? 0 : this.#notBeforeSeconds;
      this.#failures = 0;
      this.#log.info({ asked, changed }, 'certificate renewed');
    } catch (error) {
      this.#failures += 1;
      const { retryAfterSeconds } = error instanceof AppError ? error : {};
      const retryInSeconds = secondsToRetry({
        ...{ failures: this.#failures, intervalSeconds: LONGEST_RETRY_SECONDS, retryAfterSeconds },
        random: Math.random(),
      });
      this.#notBeforeSeconds = bootTime() + retryInSeconds;
      this.#askedNotBeforeSeconds = this.#notBeforeSeconds;
      this.#log.warn({ err: error, retryInSeconds }, 'the certificate could not be renewed');
    }
  }

  /**
   * What was published while this host was away comes first: the CA may be another by now, or be vouched for by
   * another anchor. Where that fails, what is held has to do.
   */
  async #follow(): Promise<void> {
    try {
      await followBundles(this.#attestation.client, this.#held);
    } catch (error) {
      this.#log.warn({ err: error }, 'the trust bundle could not be followed');
    }
  }

  /** Where no time is known the server is asked; one that does not answer takes no evidence either. */
  async #isAt(atMs: number): Promise<boolean> {
    if (atMs === -Infinity) return true;
    if (this.#serverTime.nowMs === null) {
      const to = { method: 'GET', path: '/v1/health', schema: Health } as const;
      await this.#attestation.client.request(to).catch(() => undefined);
    }
    const nowMs = this.#serverTime.nowMs;
    return nowMs !== null && nowMs >= atMs;
  }
}
