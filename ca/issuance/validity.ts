import { CustodyError } from './custody-error.ts';

const DAY_MS = 86_400_000;
/** Clocks of those who verify may be behind. */
const BACKDATED_MS = 300_000;

/** The start of a certificate that is made now. */
export const backdated = (now: Date) => wholeSecond(now.getTime() - BACKDATED_MS);

/** So many days on, and no later than any of `ends`. Throws CustodyError ISSUER_EXPIRED if that is over. */
export function endWithin(now: Date, days: number, ...ends: readonly Date[]): Date {
  const lastMs = Math.min(now.getTime() + days * DAY_MS, ...ends.map((end) => end.getTime()));
  if (!(lastMs > now.getTime())) throw new CustodyError('ISSUER_EXPIRED', 'notAfter');
  return wholeSecond(lastMs);
}

/** Certificates know no fractions; what is recorded is what they say. */
const wholeSecond = (ms: number) => new Date(Math.floor(ms / 1_000) * 1_000);
