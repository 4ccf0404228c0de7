import type { CryptoAgileLog } from '@touchstone/eventlog';
import type { Measurements } from '../measurements.ts';
import type { QuirkName } from '../quirks.ts';
import { isSoftwareLog } from '../software-grammar.ts';
import { grammarOffences } from './log-grammar.ts';
import { quirksOfOffences, settle, type Settled } from './settle.ts';

/** What the log of a firmware shows. A software TPM has none under it, and a software log is none. */
export function firmwareFindings(
  { class: held }: Pick<Measurements, 'class'>,
  log: CryptoAgileLog | undefined,
  quirks: ReadonlySet<string>,
): Settled {
  if (held === 'software' || log === undefined || isSoftwareLog(log)) return NOTHING;
  return settle(grammarOffences(log), quirks);
}

/**
 * The quirks without which a log is not one of the profile, so that a baseline made from it can name them: for the
 * person to see who approves it.
 */
export function quirksNeeded(log: CryptoAgileLog): QuirkName[] {
  return isSoftwareLog(log) ? [] : quirksOfOffences(grammarOffences(log));
}

const NOTHING: Settled = { findings: [], quirks: [] };
