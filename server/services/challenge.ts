import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { ChallengePurpose } from '@touchstone/schemas';

/**
 * A challenge is stateless: whoever of the replicas is asked can tell that one of them made it, for whom,
 * for what and when. Single use is not its matter: the TPM's clock sees to that.
 *
 *   version u8 | keyId u8 | purpose u8 | time, ms u48 | 16 random bytes | host tag, 4 bytes | HMAC-SHA-256
 *
 * big-endian, 61 bytes. The HMAC covers everything before it and the AK Name. The host tag, the first bytes
 * of SHA-256(AK Name), only names the reason when the HMAC cannot match.
 */
const VERSION = 1;
const RANDOM_LENGTH = 16;
const TAG_LENGTH = 4;
const BODY_LENGTH = 9 + RANDOM_LENGTH + TAG_LENGTH;
const LENGTH = BODY_LENGTH + 32;

const PURPOSES: Readonly<Record<ChallengePurpose, number>> = { attest: 1, permit: 2, enrol: 3 };

/** Seconds; DESIGN 4, Attest. */
const TTL_SECONDS: Readonly<Record<ChallengePurpose, number>> = {
  attest: 60,
  permit: 20,
  enrol: 60,
};

/** Two replicas may each be 2 s off the database before they refuse to serve. */
const SKEW_MS = 4_000;

/** Keys by id. `current` makes challenges; every live one checks them. */
export type ChallengeKeys = {
  readonly current: number;
  readonly live: ReadonlyMap<number, Uint8Array>;
};

export type ChallengeCode =
  | 'CHALLENGE_MALFORMED'
  | 'CHALLENGE_KEY_UNKNOWN'
  | 'CHALLENGE_WRONG_HOST'
  | 'CHALLENGE_INVALID'
  | 'CHALLENGE_WRONG_PURPOSE'
  | 'CHALLENGE_EXPIRED'
  | 'CHALLENGE_FROM_FUTURE';

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

/** Far longer than any challenge lives. */
const PERIOD_MS = 86_400_000;

/**
 * The keys by the clock, so that all replicas change them at once and nobody has to: one a day, and the day
 * before's; shortly before midnight the next day's instead, for a replica whose clock is ahead.
 */
export function challengeKeysOf(rootSecret: Uint8Array): (now: Date) => ChallengeKeys {
  let known:
    { readonly current: number; readonly other: number; readonly keys: ChallengeKeys } | undefined;
  return (now) => {
    const current = Math.floor(now.getTime() / PERIOD_MS);
    const soon = Math.floor((now.getTime() + SKEW_MS) / PERIOD_MS);
    const other = soon > current ? soon : current - 1;
    if (known?.current !== current || known.other !== other) {
      known = { current, other, keys: challengeKeys(rootSecret, current, other) };
    }
    return known.keys;
  };
}

const deriveKey = (rootSecret: Uint8Array, id: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', rootSecret, '', `touchstone/challenge-key/1/${id}`, 32));

type ChallengeInput = {
  readonly akName: string;
  readonly purpose: ChallengePurpose;
  readonly now: Date;
  /** 128 bits from a cryptographic source, never used before. */
  readonly random: Uint8Array;
};

export function makeChallenge(
  keys: ChallengeKeys,
  { akName, purpose, now, random }: ChallengeInput,
): { challenge: Uint8Array; expiresAt: Date } {
  const key = keys.live.get(keys.current);
  if (key === undefined) throw new Error('the current challenge key is not live');
  if (random.length !== RANDOM_LENGTH) throw new RangeError('a challenge takes 16 random bytes');
  const body = Buffer.alloc(BODY_LENGTH);
  body.writeUInt8(VERSION, 0);
  body.writeUInt8(keys.current, 1);
  body.writeUInt8(PURPOSES[purpose], 2);
  body.writeUIntBE(now.getTime(), 3, 6);
  body.set(random, 9);
  body.set(hostTag(akName), 9 + RANDOM_LENGTH);
  return {
    challenge: Buffer.concat([body, authenticate(key, body, akName)]),
    expiresAt: new Date(now.getTime() + TTL_SECONDS[purpose] * 1_000),
  };
}

/**
 * Proves, when it gives a time: a live key made the challenge, for this AK Name and this purpose, no longer
 * ago than the purpose allows.
 */
export function verifyChallenge(
  keys: ChallengeKeys,
  challenge: Uint8Array,
  expected: { readonly akName: string; readonly purpose: ChallengePurpose; readonly now: Date },
): { ok: true; madeAt: Date } | { ok: false; code: ChallengeCode } {
  const no = (code: ChallengeCode) => ({ ok: false, code }) as const;
  const bytes = Buffer.from(challenge);
  if (bytes.length !== LENGTH || bytes.readUInt8(0) !== VERSION) return no('CHALLENGE_MALFORMED');
  const key = keys.live.get(bytes.readUInt8(1));
  if (key === undefined) return no('CHALLENGE_KEY_UNKNOWN');

  const body = bytes.subarray(0, BODY_LENGTH);
  const tag = body.subarray(9 + RANDOM_LENGTH);
  if (!tag.equals(hostTag(expected.akName))) return no('CHALLENGE_WRONG_HOST');
  const mac = authenticate(key, body, expected.akName);
  if (!timingSafeEqual(mac, bytes.subarray(BODY_LENGTH))) return no('CHALLENGE_INVALID');

  if (body.readUInt8(2) !== PURPOSES[expected.purpose]) return no('CHALLENGE_WRONG_PURPOSE');
  const ageMs = expected.now.getTime() - body.readUIntBE(3, 6);
  if (ageMs < -SKEW_MS) return no('CHALLENGE_FROM_FUTURE');
  if (!(ageMs <= TTL_SECONDS[expected.purpose] * 1_000)) return no('CHALLENGE_EXPIRED');
  return { ok: true, madeAt: new Date(body.readUIntBE(3, 6)) };
}

const hostTag = (akName: string): Buffer =>
  createHash('sha256').update(akName, 'hex').digest().subarray(0, TAG_LENGTH);

const authenticate = (key: Uint8Array, body: Uint8Array, akName: string): Buffer =>
  createHmac('sha256', key).update(body).update(akName, 'hex').digest();
