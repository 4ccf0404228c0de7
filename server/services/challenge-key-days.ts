import { type ChallengeKeys, challengeKeys } from './challenge-keys.ts';
import { SKEW_MS } from './replica-skew.ts';

/** Far longer than any challenge lives. */
const PERIOD_MS = 86_400_000;

/**
 * The keys by the clock, so that all replicas change them at once and nobody has to: one a day, and the day
 * before's; shortly before midnight the next day's instead, for a replica whose clock is ahead. `restore`: the
 * newest one of the database, if it ever came back from a backup.
 */
export function challengeKeysOf(
  rootSecret: Uint8Array,
  restore: string | null = null,
): (now: Date) => ChallengeKeys {
  let known:
    { readonly current: number; readonly other: number; readonly keys: ChallengeKeys } | undefined;
  return (now) => {
    const current = Math.floor(now.getTime() / PERIOD_MS);
    const soon = Math.floor((now.getTime() + SKEW_MS) / PERIOD_MS);
    const other = soon > current ? soon : current - 1;
    if (known?.current !== current || known.other !== other) {
      known = { current, other, keys: challengeKeys(rootSecret, current, other, restore) };
    }
    return known.keys;
  };
}
