import type { Finding, ImaPosition } from '@touchstone/schemas';

export type AppErrorOptions = {
  readonly title?: string;
  readonly detail?: string;
  readonly field?: string;
  readonly remedy?: string;
  readonly findings?: readonly Finding[];
  readonly retryAfterSeconds?: number;
  readonly ima?: ImaPosition;
  readonly cause?: unknown;
};

/**
 * An operation that failed, or a request that was refused: `code` is a literal of the room's table,
 * `status` the HTTP status that it becomes at the edge. Everything here may be shown to the caller
 * except `cause`, which goes to the log only.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly field: string | undefined;
  readonly remedy: string | undefined;
  readonly findings: readonly Finding[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Where the caller goes on with IMA's list. */
  readonly ima: ImaPosition | undefined;

  constructor(code: string, status: number, options: AppErrorOptions = {}) {
    super(`${code}: ${options.detail ?? options.title ?? code}`, { cause: options.cause });
    this.code = code;
    this.status = status;
    this.title = options.title ?? code.toLowerCase().replaceAll('_', ' ');
    this.detail = options.detail;
    this.field = options.field;
    this.remedy = options.remedy;
    this.findings = options.findings;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.ima = options.ima;
  }
}
