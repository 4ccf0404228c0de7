import { ParseError } from '@touchstone/tpm';
import type { EndorsementCode } from './codes.ts';

/** ParseError with a code of this room's table. */
export function malformed(
  code: EndorsementCode,
  field: string,
  offset: number,
  detail?: string,
): ParseError {
  return new ParseError(code, field, offset, detail);
}
