import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { ChallengePurpose } from '@touchstone/schemas';
import type { ChallengeKeys } from './challenge-keys.ts';
import { SKEW_MS } from './replica-skew.ts';

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

export type ChallengeCode =
  | 'CHALLENGE_MALFORMED'
  | 'CHALLENGE_KEY_UNKNOWN'
  | 'CHALLENGE_WRONG_HOST'
  | 'CHALLENGE_INVALID'
  | 'CHALLENGE_WRONG_PURPOSE'
  | 'CHALLENGE_EXPIRED'
  | 'CHALLENGE_FROM_FUTURE';

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
  hash('sha256', Buffer.from(akName, 'hex'), 'buffer').subarray(0, TAG_LENGTH);

const authenticate = (key: KeyObject, body: Uint8Array, akName: string): Buffer =>
  createHmac('sha256', key).update(body).update(akName, 'hex').digest();
