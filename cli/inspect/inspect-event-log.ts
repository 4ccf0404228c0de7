import { REASONS } from '@touchstone/appraisal';
import { EVENTLOG_CODES, EVENTLOG_LIMITS } from '@touchstone/eventlog';
import { ParseError, TPM_CODES } from '@touchstone/tpm';
import { type EventLogReport, reportEventLog } from './event-log-report.ts';
import { MalformedFile } from './malformed-file.ts';

/** One byte over the limit is read as well, so that a file of any size is told that it is too large. */
export const MAX_LOG_BYTES_READ = EVENTLOG_LIMITS.maxBytes + 1;

const TABLE = new Map<string, { readonly title: string; readonly remedy: string }>(
  Object.entries({ ...REASONS, ...TPM_CODES, ...EVENTLOG_CODES }),
);
const UNTOLD = { title: 'The file is malformed', remedy: 'Export it again, whole and unchanged.' };

/** The title of any code that the report of a log may hold. */
export const titleOfLogCode = (code: string): string | undefined => TABLE.get(code)?.title;

/** @throws MalformedFile */
export function inspectEventLog(bytes: Uint8Array): EventLogReport {
  try {
    return reportEventLog(bytes);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new MalformedFile(error, TABLE.get(error.code) ?? UNTOLD, error);
  }
}
