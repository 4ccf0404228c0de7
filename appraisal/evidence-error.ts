/** Why evidence could not even be read. A ParseError's code is kept where it says more. */
export type EvidenceErrorCode =
  | 'EVIDENCE_MALFORMED'
  | 'STATEMENT_MALFORMED'
  | 'QUOTE_MALFORMED'
  | 'NOT_TPM_GENERATED'
  | 'NOT_A_QUOTE'
  | 'TRUNCATED'
  | 'TRAILING_BYTES';

/**
 * Evidence that is not of the form of evidence. `field` is a path in the evidence; `offset`, where it
 * is known, counts bytes in that field. `cause` is the reader's own error.
 */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
  readonly code: EvidenceErrorCode;
  readonly field: string;
  readonly offset: number | undefined;

  constructor(
    code: EvidenceErrorCode,
    field: string,
    options: { offset?: number | undefined; cause?: unknown; detail?: string } = {},
  ) {
    const detail = options.detail === undefined ? '' : `: ${options.detail}`;
    super(`${code} in ${field}${detail}`, { cause: options.cause });
    this.code = code;
    this.field = field;
    this.offset = options.offset;
  }
}
