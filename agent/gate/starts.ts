import { randomUUID } from 'node:crypto';
import type {
  DecidedAlone,
  DiskName,
  Finding,
  StartAnswer,
  StartPlan,
  StartRequest,
} from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { overwriteKeys } from '../keys/waiting-keys.ts';
import { agentError, codeOf, refusalFinding } from '../codes.ts';
import type { AskedStart } from './asked-start.ts';
import { DecisionsAlone } from './decided-alone.ts';
import type { Definition } from './definition.ts';
import { decideWithoutVerdict, type GroundAlone } from './fail-mode.ts';
import { atMost } from './at-most.ts';
import type { Gathering } from './gathering.ts';
import { type Became, logAfterwards, logDecision, type TurnedStart } from './journal.ts';
import { NextChallenge } from './next-challenge.ts';
import {
  permitBatches,
  type PermitAnswered,
  type PermitBatchParts,
  type PermitOutcome,
  type PermitQuestion,
} from './permit-batch.ts';
import { Plans } from './plans.ts';

/** Of VMs whose files are read at the same time. */
const DESCRIBED_AT_ONCE = 8;
/** Of a release key that PCRs which changed kept from opening: DESIGN section 4, Start a VM, step 5. */
const MAX_TRIES = 3;

export type StartGateParts = PermitBatchParts & { readonly stateDir: string };

/** `definition` is null where it could not be told. Whoever is given `keys`, by disk, overwrites them. */
export type Decided = {
  readonly answer: StartAnswer;
  readonly definition: Definition | null;
  readonly keys: ReadonlyMap<DiskName, Buffer>;
};

export type StartGate = {
  /** Does not throw: what could not be decided is refused. */
  decide(asked: AskedStart): Promise<Decided>;
  /** What a door sees of a start that was permitted: to be told under the same id. Does not throw: told or not, it is so. */
  became(what: Became, start: TurnedStart): Promise<void>;
  /** What was decided here without the server's word and is to be told by a statement, the oldest first. */
  decidedAlone(): readonly DecidedAlone[];
  /** The server answered a statement that told these. */
  told(decisions: readonly DecidedAlone[]): Promise<void>;
};

type Gate = {
  readonly parts: StartGateParts;
  readonly plans: Plans;
  readonly alone: DecisionsAlone;
  readonly permits: Gathering<PermitQuestion, PermitAnswered>;
  readonly describing: <T>(work: () => Promise<T>) => Promise<T>;
};

/**
 * May this VM start now? `permitted` only when all of it went well: the definition was read, fresh
 * evidence was appraised, and the permit that came back holds here and now. Where no verdict could be had, what the
 * server signed for that case decides. Whatever else happens, the answer is a refusal with its reasons.
 * @throws AppError STATE_MALFORMED, STATE_UNREADABLE
 */
export async function openStartGate(parts: StartGateParts): Promise<StartGate> {
  const { stateDir, attestation, log } = parts;
  const { client, key } = attestation;
  const challenges = new NextChallenge();
  const gate: Gate = {
    parts,
    plans: await Plans.open(stateDir, { client, akName: key.akName, challenges, log }),
    alone: await DecisionsAlone.open(stateDir),
    permits: permitBatches(parts, challenges),
    describing: atMost(DESCRIBED_AT_ONCE),
  };
  return {
    decide: (asked) => decideStart(gate, asked),
    became: (what, start) => {
      logAfterwards(parts.log, what, start);
      return note(gate, what, start);
    },
    decidedAlone: () => gate.alone.waiting,
    told: (decisions) => gate.alone.told(decisions),
  };
}

/** As far as a start has come: `requestId` and `quoteMs` are of the last try; null while no evidence was answered. */
type Deciding = {
  requestId: string;
  quoteMs: number | null;
  plan: StartPlan | null;
  definition: Definition | null;
};

async function decideStart(gate: Gate, asked: AskedStart): Promise<Decided> {
  const begun = performance.now();
  const deciding: Deciding = {
    requestId: randomUUID(),
    quoteMs: null,
    plan: null,
    definition: null,
  };
  const decided = await decideByServer(gate, asked, deciding).catch((error: unknown) =>
    decideAlone(gate, asked, { ...deciding, error }),
  );
  const { quoteMs } = deciding;
  logDecision(gate.parts.log, asked, decided.answer, {
    tookMs: performance.now() - begun,
    quoteMs,
  });
  return decided;
}

/** @throws whatever kept it from being decided */
async function decideByServer(gate: Gate, asked: AskedStart, deciding: Deciding): Promise<Decided> {
  const plan = await gate.plans.of(asked.vm);
  deciding.plan = plan;
  const definition = await gate.describing(() => asked.describe(plan));
  deciding.definition = definition;
  for (let attempt = 1; ; attempt += 1) {
    const { requestId } = deciding;
    const { outcome, quoteMs } = await gate.permits.ask(questionOf(asked, definition, requestId));
    deciding.quoteMs = quoteMs;
    if (outcome.kind === 'permit')
      return permitted(outcome, { requestId, vm: asked.vm, definition });
    if (outcome.kind === 'refusal') {
      const { code, findings } = outcome;
      return refused({ requestId, vm: asked.vm, definition, code, findings });
    }
    if (codeOf(outcome.error) !== 'RELEASE_PCRS_CHANGED' || attempt === MAX_TRIES)
      throw outcome.error;
    deciding.requestId = randomUUID();
  }
}

function questionOf(
  { vm, operation, door, savedState }: AskedStart,
  definition: Definition,
  requestId: string,
): PermitQuestion {
  const request: StartRequest = {
    requestId,
    vm,
    operation,
    definitionDigest: definition.digest,
    imageDigests: [...definition.imageDigests],
    door,
    dataDisks: [...definition.dataDisks],
    ...(savedState === undefined ? {} : { savedState }),
  };
  return { request, sealed: definition.sealedDisks.map(({ disk }) => disk) };
}

type Named = { readonly requestId: string; readonly vm: string };

function permitted(
  { claims, keys }: PermitOutcome & { readonly kind: 'permit' },
  { requestId, vm, definition }: Named & { readonly definition: Definition },
): Decided {
  const observed = claims['touchstone.observed'] !== undefined;
  if (observed && definition.sealedDisks.length > 0) {
    overwriteKeys(keys);
    throw agentError('PERMIT_UNEXPECTED', { detail: 'observed, of a VM with a sealed disk' });
  }
  const [first, ...others] = keys.keys();
  const answer: StartAnswer = {
    ...{ decision: 'permitted', requestId, permitId: claims.jti, vm },
    definitionDigest: definition.digest,
    ...(observed ? { by: 'observe' as const } : {}),
    ...(first === undefined ? {} : { sealed: [first, ...others] }),
  };
  return { answer, definition, keys };
}

function refused({
  requestId,
  vm,
  definition,
  code,
  findings,
}: Named & {
  readonly definition: Definition | null;
  readonly code: string;
  readonly findings: readonly Finding[];
}): Decided {
  const answer: StartAnswer = {
    ...{ decision: 'refused', requestId, vm, code },
    findings: [...findings],
  };
  return { answer, definition, keys: new Map() };
}

/** No word of the server's came. Whatever is decided is written down before it has an effect. */
async function decideAlone(
  gate: Gate,
  { vm }: AskedStart,
  { requestId, plan, definition, error }: Deciding & { readonly error: unknown },
): Promise<Decided> {
  const findings = [...(findingsOf(error) ?? [refusalFinding(error, `VM ${vm}`)])];
  const code = codeOf(error);
  if (code === 'START_FAILED')
    gate.parts.log.error({ err: error, requestId, vm }, 'a start failed');
  try {
    const ground = await decideWithoutVerdict(gate.parts, { vm, plan, definition, error });
    if (ground !== null) {
      const decision = ground.by === 'licence' ? 'licensed' : 'observed';
      await gate.alone.add({ requestId, vm, code, decision, at: new Date().toISOString() });
      return allowed(ground, { requestId, vm, definition });
    }
  } catch (failure) {
    findings.push(refusalFinding(failure, `VM ${vm}`));
  }
  await note(gate, 'refused', { requestId, vm, code });
  return refused({ requestId, vm, definition, code, findings });
}

type Told = Pick<TurnedStart, 'requestId' | 'vm' | 'code'>;

function note(
  { parts, alone }: Gate,
  decision: Became,
  { requestId, vm, code }: Told,
): Promise<void> {
  return alone
    .add({ requestId, vm, code, decision, at: new Date().toISOString() })
    .catch((err: unknown) =>
      parts.log.error({ err, requestId, vm, decision }, 'it could not be written down'),
    );
}

/** Observed starts whose definition could not be told have a digest of zeros. */
const NO_DIGEST = '0'.repeat(64);

function allowed(
  { by, id }: GroundAlone,
  { requestId, vm, definition }: Named & { readonly definition: Definition | null },
): Decided {
  const definitionDigest = definition?.digest ?? NO_DIGEST;
  const answer: StartAnswer = {
    ...{ decision: 'permitted', requestId, permitId: id, vm, definitionDigest, by },
  };
  return { answer, definition, keys: new Map() };
}

const findingsOf = (error: unknown): readonly Finding[] | undefined =>
  error instanceof AppError && error.findings !== undefined && error.findings.length > 0
    ? error.findings
    : undefined;
