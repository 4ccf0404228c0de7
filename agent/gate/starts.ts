import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DiskName,
  type Finding,
  PermitsAnswer,
  type StartAnswer,
  type StartRequest,
} from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { Logger } from 'pino';
import { TpmError } from 'node-tpm2-tss-bindings';
import { agentError, codeOf, refusalFinding } from '../codes.ts';
import { answerChallenge, type Attestation, hearPosition } from '../evidence/deliver.ts';
import type { Enrolment } from '../state/identity.ts';
import type { Conversations } from '../tpm/conversation.ts';
import type { AskedStart } from './asked-start.ts';
import { bootTime } from './boot-time.ts';
import type { Definition } from './definition.ts';
import { type PendingRequest, verifyPermit } from './permit.ts';

const MAX_TRIES = 3;
/** Of the 15 s that a permit is good for. */
const FOLLOW_MS = 4_000;
/** Of a list that is longer than one piece of evidence; an agent that runs attests sooner than this. */
const MAX_SEGMENTS = 8;

/** Codes after which the agent starts over: nothing was decided. */
const START_OVER = new Set(['EVIDENCE_SUPERSEDED', 'IMA_LIST_ELSEWHERE', 'IMA_LOG_MISMATCH']);

export type StartGateParts = {
  readonly attestation: Attestation;
  /** Takes the newer trust bundles, if the server named one with its last challenge. */
  readonly follow: () => Promise<void>;
  /** The same where the server shows a key that is not known; whether there were any. */
  readonly rejoin: () => Promise<boolean>;
  readonly enrolment: Enrolment;
  readonly conversations: Conversations;
  readonly log: Logger;
};

/** `definition` is null where it could not be told. Whoever is given `keys`, by disk, overwrites them. */
export type Decided = {
  readonly answer: StartAnswer;
  readonly definition: Definition | null;
  readonly keys: ReadonlyMap<DiskName, Buffer>;
};

export type StartGate = {
  /** Does not throw: what could not be decided is refused. */
  decide(asked: AskedStart): Promise<Decided>;
};

/**
 * May this VM start now? `permitted` only when all of it went well: the definition was read, fresh
 * evidence was appraised, and the permit that came back holds here and now. Whatever else happens,
 * the answer is a refusal with its reasons.
 */
export const startGate = (gate: StartGateParts): StartGate => ({
  decide: (asked) => decideStart(gate, asked),
});

async function decideStart(gate: StartGateParts, asked: AskedStart): Promise<Decided> {
  const requestId = randomUUID();
  const { vm, door } = asked;
  const keys = new Map<DiskName, Buffer>();
  let definition: Definition | null = null;
  try {
    definition = await asked.describe({ vm, known: false, disks: [] });
    const request: StartRequest = {
      requestId,
      vm,
      operation: asked.operation,
      definitionDigest: definition.digest,
      imageDigests: [...definition.imageDigests],
      door,
      dataDisks: [...definition.dataDisks],
      ...(asked.savedState === undefined ? {} : { savedState: asked.savedState }),
    };
    const answer = await gate.conversations.hold('permit', () => askForPermit(gate, request));
    gate.log.info({ requestId, vm, door, decision: answer.decision }, 'start decided');
    return { answer, definition, keys };
  } catch (error) {
    gate.log.warn({ requestId, vm, door, err: error }, 'start refused');
    const findings = [...(findingsOf(error) ?? [refusalFinding(error, `VM ${vm}`)])];
    const code = codeOf(error);
    return { answer: { decision: 'refused', requestId, vm, code, findings }, definition, keys };
  }
}

const findingsOf = (error: unknown): readonly Finding[] | undefined =>
  error instanceof AppError && error.findings !== undefined && error.findings.length > 0
    ? error.findings
    : undefined;

async function askForPermit(gate: StartGateParts, request: StartRequest): Promise<StartAnswer> {
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
async function exchange({ attestation, enrolment }: StartGateParts, request: StartRequest) {
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
      const [answer, ...more] = answers;
      if (answer?.requestId !== request.requestId || more.length > 0) {
        throw agentError('PERMIT_UNEXPECTED', { detail: `${answers.length} answers` });
      }
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
async function clockNow({ attestation: { attester, key } }: StartGateParts) {
  try {
    return await attester.clockOf(key);
  } catch (error) {
    if (!(error instanceof TpmError) || error.code === 'TPM_TIMEOUT') throw error;
    return attester.clockOf(key);
  }
}
