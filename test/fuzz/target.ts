import { BaselineError, EvidenceError } from '@touchstone/appraisal';
import { JsonError, SchemaError } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';

/** One parser, and what must hold for whatever it is given. */
export type Target = {
  readonly name: string;
  /** What it is made to read; changed a little each time. At least one. */
  readonly seeds: () => readonly Uint8Array[];
  /**
   * Reads it, and refuses it by an error of the parser's own or gives it back as the parser understood it:
   * those bytes must be the ones that came in. Undefined where there is no way back.
   */
  readonly read: (bytes: Uint8Array) => Uint8Array | undefined;
};

const OWN_ERRORS = [ParseError, JsonError, SchemaError, EvidenceError, BaselineError, AppError];

/** Whether a parser said no in its own words, with a code. */
export const isRefusal = (error: unknown): boolean =>
  OWN_ERRORS.some((kind) => error instanceof kind && /^[A-Z][A-Z0-9_]+$/u.test(error.code));
