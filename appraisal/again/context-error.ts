/** A stored context that is none. `field` is a JSON pointer (RFC 6901) to what is wrong in it. */
export class ContextError extends Error {
  override readonly name = 'ContextError';
  readonly code = 'CONTEXT_MALFORMED';
  readonly field: string;

  constructor(field: string, reason: string, cause?: unknown) {
    super(`${field === '' ? '/' : field}: ${reason}`, { cause });
    this.field = field;
  }
}
