import type { TpmCode } from './codes.ts';
import { ParseError } from './parse-error.ts';

/** ParseError with a code of this room's table. */
export function malformed(
  code: TpmCode,
  field: string,
  offset: number,
  detail?: string,
): ParseError {
  return new ParseError(code, field, offset, detail);
}
