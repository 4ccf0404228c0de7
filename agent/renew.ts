import { X509Certificate } from 'node:crypto';
import { CertificateRenewalAnswer } from '@touchstone/schemas';
import { recertify } from './certify.ts';
import type { Logger } from 'pino';
import type { Attestation } from './evidence/deliver.ts';
import type { HeldEnrolment } from './state/held-enrolment.ts';
import type { Conversations } from './tpm/conversation.ts';

/** Of a certificate's life: the earliest and the latest point at which it is renewed. DESIGN 4, Enrol 5. */
const EARLIEST = 1 / 3;
const LATEST = 1 / 2;

/**
 * When to renew a certificate: at a random point of that span, so that a fleet that enrolled at once does not
 * come back at once. `random` is in [0, 1). One that cannot be read is renewed now.
 */
export function renewalTime(pem: string, random: number): Date {
  const certificate = readable(pem);
  if (certificate === null) return new Date(0);
  const { validFromDate, validToDate } = certificate;
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  return new Date(validFromDate.getTime() + lifeMs * (EARLIEST + random * (LATEST - EARLIEST)));
}

function readable(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

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

/** Renews when it is time, before evidence is given; after any absence that is at once. */
export class Renewal {
  readonly #attestation: Attestation;
  readonly #held: HeldEnrolment;
  readonly #conversations: Conversations;
  readonly #log: Logger;
  #due: { readonly of: string; readonly at: Date } | null = null;

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

  /** One that fails is tried again at the next attestation: the certificate has half its life left. */
  async whenDue(): Promise<void> {
    const [pem = ''] = this.#held.current.certificates;
    if (this.#due?.of !== pem) this.#due = { of: pem, at: renewalTime(pem, Math.random()) };
    if (Date.now() < this.#due.at.getTime()) return;
    try {
      await renewCertificate(this.#attestation, this.#held, this.#conversations);
      this.#log.info('certificate renewed');
    } catch (error) {
      this.#log.warn({ err: error }, 'the certificate could not be renewed');
    }
  }
}
