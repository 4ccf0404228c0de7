/** A key, certificate or secret of the CA's that is not as it has to be. Nothing is issued then. */
export class CustodyError extends Error {
  override readonly name = 'CustodyError';
  readonly code: 'STATE_INCOMPLETE' | 'KEY_FILE_MODE' | 'KEY_FILE_MALFORMED';

  constructor(code: CustodyError['code'], path: string, cause?: unknown) {
    super(`${code}: ${path}`, { cause });
    this.code = code;
  }
}
