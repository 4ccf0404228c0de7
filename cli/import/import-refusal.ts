import { EVENTLOG_CODES } from '@touchstone/eventlog';
import { ParseError, TPM_CODES } from '@touchstone/tpm';
import { MalformedFile } from '../inspect/malformed-file.ts';
import { IMPORT_CODES } from './import-codes.ts';

const TABLE = new Map<string, MalformedFile['said']>(
  Object.entries({ ...TPM_CODES, ...EVENTLOG_CODES, ...IMPORT_CODES }),
);
const UNTOLD = { title: 'The file is malformed', remedy: 'Fetch it again, whole and unchanged.' };

/** What a reader's error is for whoever named the file; any other error as it is. */
export function importRefusal(error: unknown, path: string | undefined): unknown {
  if (!(error instanceof ParseError)) return error;
  return new MalformedFile(error, TABLE.get(error.code) ?? UNTOLD, error, path);
}
