import type { StartAnswer } from '@touchstone/schemas';
import type { Logger } from 'pino';
import type { AskedStart } from './asked-start.ts';

const GROUNDS = {
  permit: 'the server permits it',
  licence: 'no verdict could be had, and its standing licence holds',
  observe: 'observe mode lasts, and refuses nothing',
} as const;

/** One line for each decision, under the id by which the server and whoever asked know it too. */
export function logDecision(
  log: Logger,
  { vm, door, operation }: Pick<AskedStart, 'vm' | 'door' | 'operation'>,
  answer: StartAnswer,
  tookMs: number,
): void {
  const { requestId, decision } = answer;
  const line = { requestId, vm, door, operation, decision, tookMs: Math.round(tookMs) };
  if (answer.decision === 'permitted') {
    const { permitId, by = 'permit' } = answer;
    const sentence = `VM ${vm} may start: ${GROUNDS[by]}`;
    if (by === 'permit') log.info({ ...line, permitId, by }, sentence);
    else log.warn({ ...line, permitId, by }, sentence);
    return;
  }
  const { code, findings } = answer;
  const [{ subject, remedy, actual } = { subject: '', remedy: '', actual: undefined }] = findings;
  const why = actual === undefined ? subject : `${subject} (${actual})`;
  log.warn({ ...line, code }, `VM ${vm} does not start: ${code}: ${why}. ${remedy}`);
}
