import { AppError } from '@touchstone/transport';
import { isTpmError } from './codes.ts';

/** DESIGN section 8, after sysexits(3). */
export const EXIT = {
  yes: 0,
  no: 1,
  usage: 64,
  malformed: 65,
  unavailable: 69,
  bug: 70,
  notPermitted: 77,
} as const;

const MALFORMED = new Set(['STATE_MALFORMED', 'ANSWER_MALFORMED', 'JOIN_TOKEN_UNREADABLE']);

export function exitCodeOf(error: unknown): number {
  if (isTpmError(error)) {
    return error.code === 'TPM_NOT_PERMITTED' ? EXIT.notPermitted : EXIT.unavailable;
  }
  if (!(error instanceof AppError)) return EXIT.bug;
  if (MALFORMED.has(error.code)) return EXIT.malformed;
  if (error.status === 401 || error.status === 403) return EXIT.notPermitted;
  return error.status >= 500 ? EXIT.unavailable : EXIT.no;
}
