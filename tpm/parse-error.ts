/**
 * Bytes that are not what they claim to be. Thrown inside readers and caught once at the edge.
 *
 * `field` is named as the specification spells it, with dots for nesting; `offset` counts bytes from
 * the start of the input that the reader was made over.
 */
export class ParseError extends Error {
  readonly code: string;
  readonly field: string;
  readonly offset: number;

  constructor(code: string, field: string, offset: number, detail?: string) {
    super(`${code}: ${field} at byte ${offset}${detail === undefined ? '' : `: ${detail}`}`);
    this.name = 'ParseError';
    this.code = code;
    this.field = field;
    this.offset = offset;
  }
}
