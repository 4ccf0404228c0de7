import { type CryptoAgileLog, parseEventLog } from '@touchstone/eventlog';
import type { Finding } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import { finding } from './finding.ts';
import type { Measurements } from './measurements.ts';

/** `absent`: no log was sent. `unreadable`: one was, and it tells nothing. */
export type BootLog =
  | { readonly state: 'read'; readonly log: CryptoAgileLog }
  | { readonly state: 'absent' }
  | { readonly state: 'unreadable'; readonly findings: readonly Finding[] };

/** The one log of the boot that the statement names. */
export function readBootLog({ bootLogs }: Pick<Measurements, 'bootLogs'>): BootLog {
  const [first, ...more] = bootLogs;
  if (first === undefined) return { state: 'absent' };
  if (more.length > 0) {
    const actual = `${more.length + 1}`;
    return unreadable(finding('LOG_AMBIGUOUS', { subject: 'boot log', expected: '1', actual }));
  }
  if (first.bytes === undefined) return { state: 'absent' };
  if (first.bytes.length === 0) return unreadable(finding('LOG_EMPTY', EMPTY));
  try {
    const log = parseEventLog(first.bytes);
    if (log.format === 'legacy-sha1') return unreadable(finding('LOG_LEGACY', SUBJECT));
    return { state: 'read', log };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const actual = `${error.code} in ${error.field} at byte ${error.offset}`;
    return unreadable(finding('LOG_MALFORMED', { subject: 'boot log', actual }));
  }
}

export const EMPTY = { subject: 'boot log', expected: 'events', actual: '0 bytes' };
const SUBJECT = { subject: 'boot log' };

const unreadable = (one: Finding): BootLog => ({ state: 'unreadable', findings: [one] });
