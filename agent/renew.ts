import { CertificateRenewalAnswer } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { recertify } from './certify.ts';
import { renewalTime } from './renewal-time.ts';
import { secondsToRetry } from './schedule.ts';
import type { Logger } from 'pino';
import type { Attestation } from './evidence/deliver.ts';
import type { HeldEnrolment } from './state/held-enrolment.ts';
import type { Conversations } from './tpm/conversation.ts';

/**
 * A fresh activation at the CA, then the new certificate to the server, and only then into the state: one that
 * stopped half-way is done over.
 */
async function renewCertificate(
  { client, attester, key }: Attestation,
  held: HeldEnrolment,
  conversations: Conversations,
): Promise<void> {
  const { enrollmentId, hostId, trustBundle: bundle } = held.current;
  const certificates = await recertify(enrollmentId, {
    ...{ attester, key, bundle },
    hold: (work) => conversations.hold('attest', work),
  });
  await client.request({
    method: 'PUT',
    path: `/v1/hosts/${hostId}/certificate`,
    schema: CertificateRenewalAnswer,
    body: { certificates },
  });
  await held.change({ certificates });
}

const LONGEST_RETRY_SECONDS = 300;

/** Renews when it is time, before evidence is given; after any absence that is at once. */
export class Renewal {
  readonly #attestation: Attestation;
  readonly #held: HeldEnrolment;
  readonly #conversations: Conversations;
  readonly #log: Logger;
  #due: { readonly of: string; readonly atMs: number } | null = null;
  #failures = 0;

  constructor(
    attestation: Attestation,
    held: HeldEnrolment,
    { conversations, log }: { readonly conversations: Conversations; readonly log: Logger },
  ) {
    this.#attestation = attestation;
    this.#held = held;
    this.#conversations = conversations;
    this.#log = log;
  }

  /**
   * The server has an older certificate than this host's, and that one has ended: it came back from a backup. A new
   * one ends that; this host's own may have half its life left. After a failure the pause stays as it is.
   */
  atOnce(): void {
    const [of = ''] = this.#held.current.certificates;
    if (this.#failures === 0) this.#due = { of, atMs: 0 };
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
    if (Date.now() < this.#due.atMs) return;
    try {
      await renewCertificate(this.#attestation, this.#held, this.#conversations);
      this.#log.info('certificate renewed');
    } catch (error) {
      this.#failures += 1;
      const { retryAfterSeconds } = error instanceof AppError ? error : {};
      const retryInSeconds = secondsToRetry({
        ...{ failures: this.#failures, intervalSeconds: LONGEST_RETRY_SECONDS, retryAfterSeconds },
        random: Math.random(),
      });
      this.#due = { of: pem, atMs: Date.now() + retryInSeconds * 1_000 };
      this.#log.warn({ err: error, retryInSeconds }, 'the certificate could not be renewed');
    }
  }
}
