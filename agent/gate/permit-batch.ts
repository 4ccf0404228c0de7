import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskName, Finding, PermitClaims, StartRequest } from '@touchstone/schemas';
import type { Logger } from 'pino';
import { agentError } from '../codes.ts';
import { openReleaseSession } from '../keys/release-session.ts';
import type { BindingRecord } from '../state/identity.ts';
import type { Conversations } from '../tpm/conversation.ts';
import { bootTime } from './boot-time.ts';
import { clockNow } from './clock-now.ts';
import { Gathering } from './gathering.ts';
import type { ClockNow } from './licence.ts';
import type { Mandates } from './mandates.ts';
import type { NextChallenge } from './next-challenge.ts';
import { verifyPermit } from './permit.ts';
import { exchangeForPermits, type ExchangeParts, type PermitExchange } from './permit-exchange.ts';
import { withKeys } from './released-keys.ts';
import { windowAfter } from './window.ts';
import { isTooLate } from './without-verdict.ts';

/** DESIGN section 4, Start a VM, step 2. */
const MOST_REQUESTS = 256;
/** Of a statement's 524,288 in base64url, with room for all else that it says. */
const MOST_BYTES = 360_000;
/** Of the 15 s that a permit is good for. */
const FOLLOW_MS = 4_000;

export type PermitBatchParts = ExchangeParts & {
  /** Takes the newer trust bundles, if the server named one with its last challenge. */
  readonly follow: () => Promise<void>;
  readonly conversations: Conversations;
  readonly mandates: Mandates;
  readonly binding: () => Promise<BindingRecord | null>;
  readonly log: Logger;
};

/** What a start is asked by: `sealed` are its disks whose keys it needs. */
export type PermitQuestion = {
  readonly request: StartRequest;
  readonly sealed: readonly DiskName[];
};

/** Whoever is given `keys` overwrites them. */
export type PermitOutcome =
  | {
      readonly kind: 'permit';
      readonly claims: PermitClaims;
      readonly keys: ReadonlyMap<DiskName, Buffer>;
    }
  | { readonly kind: 'refusal'; readonly code: string; readonly findings: readonly Finding[] }
  | { readonly kind: 'failure'; readonly error: unknown };

/** `quoteMs`: what the TPM took for the quote of the evidence that asked. */
export type PermitAnswered = { readonly outcome: PermitOutcome; readonly quoteMs: number };

/**
 * Where starts ask for their permits. One goes at once where no other is being answered; those that come meanwhile share
 * the next statement. Where the TPM takes its time for a quote, the first waits for company.
 */
export function permitBatches(
  parts: PermitBatchParts,
  challenges: NextChallenge,
): Gathering<PermitQuestion, PermitAnswered> {
  let quoteMs = 0;
  return new Gathering({
    turn: (work) => parts.conversations.hold('permit', work),
    together: async (questions) => {
      const { outcomes, exchange } = await answerBatch(parts, questions, challenges);
      ({ quoteMs } = exchange);
      return outcomes.map((outcome) => ({ outcome, quoteMs }));
    },
    most: MOST_REQUESTS,
    mostBytes: MOST_BYTES,
    windowMs: () => windowAfter(quoteMs),
    sharedBy: isTooLate,
  });
}

async function answerBatch(
  parts: PermitBatchParts,
  questions: readonly PermitQuestion[],
  challenges: NextChallenge,
): Promise<{ outcomes: PermitOutcome[]; exchange: PermitExchange }> {
  const { attester } = parts.attestation;
  const sealed = questions.some((question) => question.sealed.length > 0);
  const session = sealed ? await openReleaseSession(attester) : null;
  try {
    const requests = questions.map(({ request }) => request);
    const asking = { requests, session, challenges };
    const exchange = await exchangeForPermits(parts, asking).catch(async (error) => {
      await parts.mandates.hearRefusal(error);
      throw error;
    });
    await parts.mandates.hear(exchange.answered);
    // A host that was away may not know the key that signs now. Where bundles do not come, what is held decides.
    await Promise.race([parts.follow(), sleep(FOLLOW_MS, undefined, { ref: false })]).catch(
      (err: unknown) => parts.log.warn({ err }, 'no newer trust bundle came'),
    );
    // After all that is waited for: a host that slept meanwhile is another than was asked for.
    const now = await clockNow(parts.attestation);
    const outcomes = await Promise.all(
      questions.map((question) => outcomeOf(parts, { question, exchange, now })),
    );
    return {
      outcomes: await withKeys(parts, { outcomes, questions, exchange, session }),
      exchange,
    };
  } finally {
    await session?.close();
  }
}

type Answered = {
  readonly question: PermitQuestion;
  readonly exchange: PermitExchange;
  readonly now: ClockNow;
};

async function outcomeOf(
  { attestation, enrolment, mandates }: PermitBatchParts,
  { question, exchange, now }: Answered,
): Promise<PermitOutcome> {
  const { request } = question;
  const { akName } = attestation.key;
  const { challenge, askedAt } = exchange;
  try {
    const answer = exchange.answers.get(request.requestId);
    if (answer === undefined) throw agentError('PERMIT_UNEXPECTED');
    if ('refusal' in answer) {
      await mandates.voidVm(request.vm);
      return { kind: 'refusal', ...answer.refusal };
    }
    const pending = { request, hostId: enrolment.hostId, akName, challenge, askedAt };
    const claims = await verifyPermit(answer.permit, pending, enrolment.trustBundle, {
      bootTime: bootTime(),
      boot: now,
    });
    return { kind: 'permit', claims, keys: new Map() };
  } catch (error) {
    return { kind: 'failure', error };
  }
}
