/** Why a text or value is no baseline. */
export type BaselineErrorCode =
  | 'BASELINE_TOO_LARGE'
  | 'BASELINE_SYNTAX'
  | 'BASELINE_EMPTY'
  | 'BASELINE_ALIAS'
  | 'BASELINE_TAG'
  | 'BASELINE_DIRECTIVE'
  | 'BASELINE_SHAPE'
  | 'BASELINE_TIMESTAMP'
  | 'BASELINE_BANK_WEAK'
  | 'BASELINE_DIGEST_MISSING'
  | 'BASELINE_DIGEST_UNDECLARED'
  | 'BASELINE_DIGEST_AMBIGUOUS'
  | 'BASELINE_RULE_DUPLICATE'
  | 'BASELINE_RULE_OPEN'
  | 'BASELINE_TIMES_UNUSED'
  | 'BASELINE_RULES_EMPTY'
  | 'BASELINE_SECTION_MISPLACED'
  | 'BASELINE_HOST_MISSING'
  | 'BASELINE_DENY_CONTRADICTED'
  | 'BASELINE_GLOB'
  | 'BASELINE_ORDER'
  | 'BASELINE_QUIRK_UNKNOWN'
  | 'BASELINE_ADVISORY_UNKNOWN'
  | 'BASELINE_IMA_EMPTY'
  | 'BASELINE_IMA_LINE'
  | 'BASELINE_IMA_KEY';

/**
 * A text or value that is no baseline. `document` counts from 1 in a file of several; `field` is a JSON
 * pointer (RFC 6901) into that document, `line` a line of the file.
 */
export class BaselineError extends Error {
  override readonly name = 'BaselineError';
  readonly code: BaselineErrorCode;
  readonly reason: string;
  readonly document: number;
  readonly field: string | undefined;
  readonly line: number | undefined;

  constructor(
    code: BaselineErrorCode,
    reason: string,
    place: { document?: number; field?: string; line?: number; cause?: unknown } = {},
  ) {
    const { document = 1, field, line } = place;
    const where = line === undefined ? `document ${document}` : `line ${line}`;
    const what = field === undefined || field === '' ? where : `${where}, ${field}`;
    super(`${code}: ${what}: ${reason}`, { cause: place.cause });
    this.code = code;
    this.reason = reason;
    this.document = document;
    this.field = field;
    this.line = line;
  }
}
