import { hkdfSync } from 'node:crypto';

/** Keys by id. `current` makes challenges; every live one checks them. */
export type ChallengeKeys = {
  readonly current: number;
  readonly live: ReadonlyMap<number, Uint8Array>;
};

/**
 * RFC 5869 over the deployment's one root secret: no challenge key is ever stored. Two are live: `current` and
 * another, by default the one before. The wire holds the low byte of a key's number.
 */
export function challengeKeys(
  rootSecret: Uint8Array,
  current = 1,
  other = current - 1,
): ChallengeKeys {
  const numbers = other > 0 ? [other, current] : [current];
  const live = new Map(numbers.map((number) => [number & 0xff, deriveKey(rootSecret, number)]));
  return { current: current & 0xff, live };
}

const deriveKey = (rootSecret: Uint8Array, id: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', rootSecret, '', `touchstone/challenge-key/1/${id}`, 32));
