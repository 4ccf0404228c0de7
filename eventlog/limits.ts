import { ParseError } from '@touchstone/tpm';

/** Bounds on a log from outside. A log past one is refused before anything is made of it. */
export type EventLogLimits = {
  readonly maxBytes: number;
  /** Without a Spec ID event. */
  readonly maxEvents: number;
  readonly maxAlgorithms: number;
};

export const EVENTLOG_LIMITS: EventLogLimits = {
  maxBytes: 16 * 1024 * 1024,
  maxEvents: 65_536,
  maxAlgorithms: 16,
};

export function checkSize(bytes: Uint8Array, { maxBytes }: Pick<EventLogLimits, 'maxBytes'>): void {
  if (bytes.length === 0) throw new ParseError('LOG_EMPTY', 'log', 0);
  if (bytes.length > maxBytes) {
    throw new ParseError('LOG_TOO_LARGE', 'log', maxBytes, `${bytes.length} bytes`);
  }
}
