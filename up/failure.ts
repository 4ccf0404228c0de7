/** What stopped `up` or the demonstration: said in one line, with what to do. */
export class UpError extends Error {
  override readonly name = 'UpError';
  readonly code: string;
  readonly remedy: string;

  constructor(code: string, message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.remedy = remedy;
  }
}
