/**
 * A key, certificate or secret of the CA's that is not as it has to be, or an order to sign that is not carried
 * out. Nothing is issued then. The message names a file, a field or a key, and never what is secret.
 */
export class CustodyError extends Error {
  override readonly name = 'CustodyError';
  readonly code: CustodyCode;
  /** What it is about. */
  readonly subject: string;

  constructor(code: CustodyCode, subject: string, cause?: unknown) {
    super(`${code}: ${subject}`, { cause });
    this.code = code;
    this.subject = subject;
  }
}

export type CustodyCode =
  | 'STATE_INCOMPLETE'
  | 'KEY_FILE_MODE'
  | 'KEY_FILE_MALFORMED'
  | 'PASSPHRASE_UNFIT'
  | 'PASSPHRASE_WRONG'
  | 'ROOT_KEY_LOCKED'
  | 'KEY_NOT_HELD'
  | 'ISSUANCE_REFUSED'
  | 'ISSUANCE_CLOCK'
  | 'ISSUER_EXPIRED'
  | 'TOKEN_SUPPORT_MISSING'
  | 'TOKEN_NOT_FOUND'
  | 'TOKEN_LOGIN_REFUSED'
  | 'TOKEN_FAILED'
  | 'KEY_EXTRACTABLE'
  | 'CLEAR_KEY_BESIDE_TOKEN';
