/** Bounds on a log from outside. A log past one is refused before anything is made of it. */
export type EventLogLimits = {
  readonly maxBytes: number;
  /** Without the Spec ID event. */
  readonly maxEvents: number;
  readonly maxAlgorithms: number;
};

export const EVENTLOG_LIMITS: EventLogLimits = {
  maxBytes: 16 * 1024 * 1024,
  maxEvents: 65_536,
  maxAlgorithms: 16,
};
