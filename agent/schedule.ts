/** The first try again comes within this, and each later one within twice as long. */
const FIRST_RETRY_SECONDS = 2;
/** Nor longer than the interval: three intervals without evidence are `stale`. */
const LONGEST_RETRY_SECONDS = 300;
/** What a server may ask for with Retry-After; it cannot silence its agents. */
const LONGEST_RETRY_AFTER_SECONDS = 300;
/** Of the interval, either way. */
const JITTER = 0.1;

/**
 * Seconds from one attestation that was delivered to the next. A fleet that was started at once attests at once, and
 * `first` puts each host at a point of its own in the interval; later it drifts about that. `random`: [0, 1).
 */
export function secondsToNext(options: {
  readonly intervalSeconds: number;
  readonly first: boolean;
  readonly random: number;
}): number {
  const { intervalSeconds, first, random } = options;
  return intervalSeconds * (first ? random : 1 - JITTER + 2 * JITTER * random);
}

/**
 * Seconds to the next try after so many `failures` in a row, one or more: exponential back-off with full jitter, so
 * that hosts whose server came back do not come back together. After what the server asked for, if it did.
 */
export function secondsToRetry(options: {
  readonly failures: number;
  readonly intervalSeconds: number;
  readonly retryAfterSeconds?: number | undefined;
  readonly random: number;
}): number {
  const { failures, intervalSeconds, retryAfterSeconds = 0, random } = options;
  const within = Math.min(
    FIRST_RETRY_SECONDS * 2 ** (failures - 1),
    LONGEST_RETRY_SECONDS,
    intervalSeconds,
  );
  const asked = Math.min(Math.max(retryAfterSeconds, 0), LONGEST_RETRY_AFTER_SECONDS);
  return asked + within * random;
}
