import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Finding,
  PermitsAnswer,
  type StartAnswer,
  type StartQuestion,
  type StartRequest,
} from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { Logger } from 'pino';
import { TpmError } from 'node-tpm2-tss-bindings';
import { codeOf, refusalFinding } from '../codes.ts';
import { answerChallenge, type Attestation, hearPosition } from '../evidence/deliver.ts';
import type { Enrolment } from '../state/identity.ts';
import type { Conversations } from '../tpm/conversation.ts';
import { bootTime } from './boot-time.ts';
import { describeDefinition } from './definition.ts';
import { type PendingRequest, verifyPermit } from './permit.ts';

const MAX_TRIES = 3;
/** Of the 15 s that a permit is good for. */
const FOLLOW_MS = 4_000;
/** Of a list that is longer than one piece of evidence; an agent that runs attests sooner than this. */
const MAX_SEGMENTS = 8;

/** Codes after which the agent starts over: nothing was decided. */
const START_OVER = new Set(['EVIDENCE_SUPERSEDED', 'IMA_LIST_ELSEWHERE', 'IMA_LOG_MISMATCH']);

export type StartGate = {
  readonly attestation: Attestation;
  /** Takes the newer trust bundles, if the server named one with its last challenge. */
  readonly follow: () => Promise<void>;
  /** The same where the server shows a key that is not known; whether there were any. */
  readonly rejoin: () => Promise<boolean>;
  readonly enrolment: Enrolment;
  readonly conversations: Conversations;
  readonly log: Logger;
};

/**
 * May this VM start now? `permitted` only when all of it went well: the definition was read, fresh
 * evidence was appraised, and the permit that came back holds here and now. Whatever else happens,
 * the answer is a refusal with its reasons.
 */
export async function decideStart(gate: StartGate, question: StartQuestion): Promise<StartAnswer> {
  const requestId = randomUUID();
  const { vm } = question;
  try {
    const { digest, imageDigests } = await describeDefinition(question);
    const request: StartRequest = {
      requestId,
      vm,
      operation: question.operation,
      definitionDigest: digest,
      imageDigests: [...imageDigests],
    };
    const answer = await gate.conversations.hold('permit', () => askForPermit(gate, request));
    gate.log.info({ requestId, vm, decision: answer.decision }, 'start decided');
    return answer;
  } catch (error) {
    gate.log.warn({ requestId, vm, err: error }, 'start refused');
    const findings = [...(findingsOf(error) ?? [refusalFinding(error, `VM ${vm}`)])];
    return { decision: 'refused', requestId, vm, code: codeOf(error), findings };
  }
}

const findingsOf = (error: unknown): readonly Finding[] | undefined =>
  error instanceof AppError && error.findings !== undefined && error.findings.length > 0
    ? error.findings
    : undefined;

async function askForPermit(gate: StartGate, request: StartRequest): Promise<StartAnswer> {
  const { requestId, vm, definitionDigest } = request;
  const { pending, answer } = await exchange(gate, request).catch(async (error: unknown) => {
    // While this host was away, the server may have got another key.
    if (codeOf(error) !== 'PIN_MISMATCH' || !(await gate.rejoin())) throw error;
    return exchange(gate, request);
  });
  if ('refusal' in answer) return { decision: 'refused', requestId, vm, ...answer.refusal };
  const boot = await clockNow(gate);
  // A host that was away may not know the key that signs now. Where bundles do not come, what is held decides.
  await Promise.race([gate.follow(), sleep(FOLLOW_MS, undefined, { ref: false })]).catch(
    (err: unknown) => gate.log.warn({ err }, 'no newer trust bundle came'),
  );
  const { trustBundle } = gate.enrolment;
  const permit = await verifyPermit(answer.permit, pending, trustBundle, {
    bootTime: bootTime(),
    boot,
  });
  return { decision: 'permitted', requestId, permitId: permit.jti, vm, definitionDigest };
}

/**
 * The request is held for as long as this exchange runs and nowhere else: a permit that comes by any
 * other way finds nothing that it could be for.
 */
async function exchange({ attestation, enrolment }: StartGate, request: StartRequest) {
  for (let attempt = 1, segments = 0; ; attempt += 1) {
    const askedAt = bootTime();
    const { challenge, evidence } = await answerChallenge(attestation, {
      purpose: 'permit',
      hostId: enrolment.hostId,
      bundleEpoch: enrolment.trustBundle.epoch,
      permits: [request],
    });
    const { akName } = attestation.key;
    const pending: PendingRequest = {
      request,
      hostId: enrolment.hostId,
      akName,
      challenge,
      askedAt,
    };
    try {
      const { answers, ima } = await attestation.client.request({
        method: 'POST',
        path: '/v1/permits',
        body: evidence,
        schema: PermitsAnswer,
      });
      hearPosition(attestation, ima);
      const answer = answers.find(({ requestId }) => requestId === request.requestId);
      if (answer === undefined) throw new AppError('PERMIT_UNEXPECTED', 502);
      return { pending, answer };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      hearPosition(attestation, error.ima);
      if (error.code === 'IMA_LIST_CONTINUES' && (segments += 1) < MAX_SEGMENTS) attempt -= 1;
      else if (!START_OVER.has(error.code) || attempt === MAX_TRIES) throw error;
    }
  }
}

/** A TPM that went away has to be looked at again: its counters tell whether it was reset. */
async function clockNow({ attestation: { attester, key } }: StartGate) {
  try {
    return await attester.clockOf(key);
  } catch (error) {
    if (!(error instanceof TpmError) || error.code === 'TPM_TIMEOUT') throw error;
    return attester.clockOf(key);
  }
}
