import { REASONS } from '@touchstone/appraisal';
import { EVENTLOG_CODES, EVENTLOG_LIMITS, parseCelLog } from '@touchstone/eventlog';
import { ParseError, TPM_CODES } from '@touchstone/tpm';
import { type CelLogReport, reportCelLog } from './cel-log-report.ts';
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

/** systemd writes a record separator before each of its records; an array is the other form in JSON. */
const CEL_JSON_STARTS = [0x1e, 0x5b];

/** @throws MalformedFile */
export function inspectEventLog(bytes: Uint8Array): EventLogReport | CelLogReport {
  try {
    return CEL_JSON_STARTS.includes(bytes[0] ?? 0)
      ? reportCelLog(bytes)
      : (ofFirmware(bytes) ?? reportCelLog(bytes));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new MalformedFile(error, TABLE.get(error.code) ?? UNTOLD, error);
  }
}

/** Undefined for what only a canonical event log in TLV or CBOR can be. */
function ofFirmware(bytes: Uint8Array): EventLogReport | undefined {
  try {
    return reportEventLog(bytes);
  } catch (error) {
    if (isCanonical(bytes)) return undefined;
    throw error;
  }
}

function isCanonical(bytes: Uint8Array): boolean {
  try {
    return parseCelLog(bytes).records.length > 0;
  } catch {
    return false;
  }
}
