import { ParseError } from '@touchstone/tpm';
import type { EndorsementCode } from './codes.ts';

/** ParseError with a code of this room's table, or with one that all readers share. */
export function malformed(
  code: EndorsementCode | 'TRUNCATED' | 'TRAILING_BYTES',
  field: string,
  offset: number,
  detail?: string,
): ParseError {
  return new ParseError(code, field, offset, detail);
}
