/** Bounds on a list from outside. A list past one is refused. */
export type ImaLimits = {
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Of one entry's template data. */
  readonly maxDataBytes: number;
};

export const IMA_LIMITS: ImaLimits = {
  maxBytes: 256 * 1024 * 1024,
  maxEntries: 2_097_152,
  maxDataBytes: 1024 * 1024,
};
