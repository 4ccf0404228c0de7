import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** Keys by id. `current` makes challenges; every live one checks them. */
export type ChallengeKeys = {
  readonly current: number;
  readonly live: ReadonlyMap<number, KeyObject>;
};

/**
 * RFC 5869 over the deployment's one root secret: no challenge key is ever stored. Two are live: `current` and
 * another, by default the one before. The wire holds the low byte of a key's number.
 */
export function challengeKeys(
  rootSecret: Uint8Array,
  current = 1,
  other = current - 1,
  restore: string | null = null,
): ChallengeKeys {
  const numbers = other > 0 ? [other, current] : [current];
  const live = new Map(
    numbers.map((number) => [number & 0xff, deriveKey(rootSecret, number, restore)]),
  );
  return { current: current & 0xff, live };
}

/** `restore`: what was given out before the database came back from a backup is no challenge after it. */
function deriveKey(rootSecret: Uint8Array, id: number, restore: string | null): KeyObject {
  const info = `touchstone/challenge-key/1/${id}`;
  const key = hkdfSync('sha256', rootSecret, restore ?? '', info, 32);
  return createSecretKey(new Uint8Array(key));
}
