import type { Finding, StartAnswer } from '@touchstone/schemas';
import type { Logger } from 'pino';
import type { AskedStart } from './asked-start.ts';

/**
 * What became of a start that the gate let go: a door refused it after all, it failed by itself, or it runs and is not what
 * was let go.
 */
export type Became = 'refused' | 'failed' | 'differs';

/** A start that was let go and became something else. */
export type TurnedStart = {
  readonly requestId: string;
  readonly vm: string;
  readonly code: string;
  readonly findings: readonly Finding[];
};

const GROUNDS = {
  permit: 'the server permits it',
  licence: 'no verdict could be had, and its standing licence holds',
  observe: 'observe mode lasts, and refuses nothing',
} as const;

/** Milliseconds: from the question to the answer, and of these the TPM's for its quote. Null where none was answered. */
export type DecisionTimes = { readonly tookMs: number; readonly quoteMs: number | null };

/** One line for each decision, under the id by which the server and whoever asked know it too. */
export function logDecision(
  log: Logger,
  { vm, door, operation }: Pick<AskedStart, 'vm' | 'door' | 'operation'>,
  answer: StartAnswer,
  { tookMs, quoteMs }: DecisionTimes,
): void {
  const { requestId, decision } = answer;
  const times = {
    tookMs: inTenths(tookMs),
    ...(quoteMs === null ? {} : { quoteMs: inTenths(quoteMs) }),
  };
  const line = { requestId, vm, door, operation, decision, ...times };
  if (answer.decision === 'permitted') {
    const { permitId, by = 'permit' } = answer;
    const sentence = `VM ${vm} may start: ${GROUNDS[by]}`;
    if (by === 'permit') log.info({ ...line, permitId, by }, sentence);
    else log.warn({ ...line, permitId, by }, sentence);
    return;
  }
  log.warn({ ...line, code: answer.code }, `VM ${vm} does not start: ${whyNot(answer)}`);
}

const BECAME = {
  refused: 'does not start, though it was permitted',
  failed: 'was permitted and did not run',
  differs: 'runs, and is not what was permitted',
} as const;

/** And one more where it became something else. */
export function logAfterwards(log: Logger, decision: Became, start: TurnedStart): void {
  const { requestId, vm, code } = start;
  log.warn({ requestId, vm, code, decision }, `VM ${vm} ${BECAME[decision]}: ${whyNot(start)}`);
}

function whyNot({ code, findings }: Pick<TurnedStart, 'code' | 'findings'>): string {
  const [{ subject, remedy, actual } = { subject: '', remedy: '', actual: undefined }] = findings;
  const why = actual === undefined ? subject : `${subject} (${actual})`;
  return `${code}: ${why}. ${remedy}`;
}

const inTenths = (ms: number): number => Math.round(ms * 10) / 10;
