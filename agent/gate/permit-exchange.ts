import { setTimeout as sleep } from 'node:timers/promises';
import { type PermitAnswer, PermitsAnswer, type StartRequest } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { agentError, codeOf } from '../codes.ts';
import { answerChallenge, type Attestation, hearPosition } from '../evidence/deliver.ts';
import type { ReleaseSession } from '../keys/release-session.ts';
import type { Enrolment } from '../state/identity.ts';
import { bootTime } from './boot-time.ts';
import type { NextChallenge } from './next-challenge.ts';
import { patientClient } from './patience.ts';

const MAX_TRIES = 3;
/** Of a list that is longer than one piece of evidence; an agent that runs attests sooner than this. */
const MAX_SEGMENTS = 8;
/** For the bundles that tell of a TLS key that is not known here. */
const REJOIN_MS = 2_000;

/** Codes after which the agent starts over: nothing was decided. */
const START_OVER = new Set(['EVIDENCE_SUPERSEDED', 'IMA_LIST_ELSEWHERE', 'IMA_LOG_MISMATCH']);

export type ExchangeParts = {
  readonly attestation: Attestation;
  /** Looks for newer trust bundles where the server shows a key that is not known; whether there were any. */
  readonly rejoin: () => Promise<boolean>;
  readonly enrolment: Enrolment;
  /** How long the server's answers may be waited for, altogether: ms. */
  readonly patienceMs: number;
};

export type PermitAsking = {
  readonly requests: readonly StartRequest[];
  readonly session: ReleaseSession | null;
  /** Where a challenge may be that came with a plan. */
  readonly challenges: Pick<NextChallenge, 'take'>;
};

/** What one batch was answered. `askedAt` is of CLOCK_BOOTTIME; `quoteMs` is what the TPM took for its quote. */
export type PermitExchange = {
  readonly challenge: string;
  readonly askedAt: number;
  readonly quoteMs: number;
  readonly answered: PermitsAnswer;
  /** One for each request. */
  readonly answers: ReadonlyMap<string, PermitAnswer>;
};

/**
 * Fresh evidence for all of these requests, and the server's answer. They are held for as long as this runs and nowhere
 * else: a permit that comes by any other way finds nothing that it could be for.
 * @throws AppError PERMIT_UNEXPECTED, and what the TPM or the server refused
 */
export async function exchangeForPermits(
  parts: ExchangeParts,
  asking: PermitAsking,
): Promise<PermitExchange> {
  const client = patientClient(parts.attestation.client, parts.patienceMs);
  const attestation = { ...parts.attestation, client };
  try {
    return await exchange({ ...parts, attestation }, asking);
  } catch (error) {
    // While this host was away, the server may have got another key.
    if (codeOf(error) !== 'PIN_MISMATCH') throw error;
    const waited = sleep(Math.min(REJOIN_MS, client.leftMs()), false, { ref: false });
    if (!(await Promise.race([parts.rejoin(), waited]))) throw error;
    return exchange({ ...parts, attestation }, asking);
  }
}

async function exchange(
  { attestation, enrolment }: ExchangeParts,
  { requests, session, challenges }: PermitAsking,
): Promise<PermitExchange> {
  for (let attempt = 1, segments = 0; ; attempt += 1) {
    const now = bootTime();
    const held = challenges.take(now);
    const askedAt = held?.askedAt ?? now;
    const statement = {
      purpose: 'permit',
      hostId: enrolment.hostId,
      bundleEpoch: enrolment.trustBundle.epoch,
      permits: requests,
      ...(session === null ? {} : { sessionNonce: session.nonce.toString('hex') }),
    } as const;
    const { challenge, evidence, quoteMs } = await answerChallenge(
      attestation,
      statement,
      held?.answer,
    );
    try {
      const answered = await attestation.client.request({
        method: 'POST',
        path: '/v1/permits',
        body: evidence,
        schema: PermitsAnswer,
      });
      hearPosition(attestation, answered.ima);
      const answers = answersTo(requests, answered);
      return { challenge, askedAt, quoteMs, answered, answers };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      hearPosition(attestation, error.ima);
      if (error.code === 'IMA_LIST_CONTINUES' && (segments += 1) < MAX_SEGMENTS) attempt -= 1;
      else if (!START_OVER.has(error.code) || attempt === MAX_TRIES) throw error;
    }
  }
}

/** What is answered for no request that waits here, or twice, makes all of it no answer. */
function answersTo(
  requests: readonly StartRequest[],
  { answers }: PermitsAnswer,
): ReadonlyMap<string, PermitAnswer> {
  const asked = new Set(requests.map(({ requestId }) => requestId));
  const found = new Map(answers.map((answer) => [answer.requestId, answer]));
  const strange = answers.filter(({ requestId }) => !asked.has(requestId)).length;
  if (strange > 0 || found.size !== answers.length || found.size !== asked.size) {
    const detail = `${answers.length} answers to ${asked.size} requests, ${strange} to others`;
    throw agentError('PERMIT_UNEXPECTED', { detail });
  }
  return found;
}
