import type { Finding } from '@touchstone/schemas';

export type CaptureErrorCode =
  /** The evidence does not hold together: what would be captured is not what was measured. */
  | 'CAPTURE_INTEGRITY'
  /** Nothing was measured. */
  | 'CAPTURE_EMPTY'
  /** More, or other, than a baseline can hold. */
  | 'CAPTURE_UNFIT';

export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly code: CaptureErrorCode;
  readonly findings: readonly Finding[];

  constructor(
    code: CaptureErrorCode,
    reason: string,
    findings: readonly Finding[] = [],
    cause?: unknown,
  ) {
    super(`${code}: ${reason}`, { cause });
    this.code = code;
    this.findings = findings;
  }
}
