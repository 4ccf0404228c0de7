import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { challengeKeysOf } from '../services/challenge-key-days.ts';
import { challengeKeys } from '../services/challenge-keys.ts';
import { type ChallengeCode, makeChallenge, verifyChallenge } from '../services/challenge.ts';

const KEYS = challengeKeys(Buffer.alloc(32, 1));
const NOW = new Date('2026-11-22T12:00:00Z');
const AK_NAME = `000b${'ab'.repeat(32)}`;
const OTHER_AK_NAME = `000b${'cd'.repeat(32)}`;

const made = (changed: Partial<Parameters<typeof makeChallenge>[1]> = {}, keys = KEYS) =>
  makeChallenge(keys, {
    akName: AK_NAME,
    purpose: 'attest',
    now: NOW,
    random: randomBytes(16),
    ...changed,
  }).challenge;

const expected = { akName: AK_NAME, purpose: 'attest', now: NOW } as const;
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);

describe('Challenge', () => {
  it('is taken for its AK Name and purpose, and tells when it was made', () => {
    assert.deepEqual(verifyChallenge(KEYS, made(), expected), { ok: true, madeAt: NOW });
  });

  it('fits into what the wire allows', () => {
    assert.ok(made().length <= 64);
  });

  it('Q4: is unique, with 128 random bits that are no constant, in 10,000', () => {
    const challenges = Array.from({ length: 10_000 }, () => Buffer.from(made()));
    assert.equal(new Set(challenges.map((one) => one.toString('hex'))).size, 10_000);
    const random = challenges.map((one) => one.subarray(9, 25));
    for (let bit = 0; bit < 128; bit += 1) {
      const ones = random.filter((bytes) => ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1).length;
      assert.ok(ones > 4_600 && ones < 5_400, `bit ${bit} is set ${ones} times in 10,000`);
    }
  });

  const flipped = (at: number) => {
    const bytes = Buffer.from(made());
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };
  const otherDeployment = challengeKeys(Buffer.alloc(32, 2));
  const retired = challengeKeys(Buffer.alloc(32, 1), 3);
  const cases: { given: string; challenge: Uint8Array; now?: Date; code: ChallengeCode }[] = [
    { given: 'no bytes', challenge: new Uint8Array(), code: 'CHALLENGE_MALFORMED' },
    { given: 'a byte less', challenge: made().subarray(0, -1), code: 'CHALLENGE_MALFORMED' },
    {
      given: 'a byte more',
      challenge: Buffer.concat([made(), Buffer.alloc(1)]),
      code: 'CHALLENGE_MALFORMED',
    },
    { given: 'another version', challenge: flipped(0), code: 'CHALLENGE_MALFORMED' },
    { given: 'another key id', challenge: flipped(1), code: 'CHALLENGE_KEY_UNKNOWN' },
    {
      given: 'I35 a key that is not live',
      challenge: made({}, retired),
      code: 'CHALLENGE_KEY_UNKNOWN',
    },
    {
      given: 'another deployment',
      challenge: made({}, otherDeployment),
      code: 'CHALLENGE_INVALID',
    },
    { given: 'another purpose written in', challenge: flipped(2), code: 'CHALLENGE_INVALID' },
    { given: 'another time written in', challenge: flipped(8), code: 'CHALLENGE_INVALID' },
    { given: 'another nonce written in', challenge: flipped(12), code: 'CHALLENGE_INVALID' },
    { given: 'another HMAC', challenge: flipped(60), code: 'CHALLENGE_INVALID' },
    {
      given: 'I35 Q3 another AK',
      challenge: made({ akName: OTHER_AK_NAME }),
      code: 'CHALLENGE_WRONG_HOST',
    },
    {
      given: 'I35 another purpose',
      challenge: made({ purpose: 'permit' }),
      code: 'CHALLENGE_WRONG_PURPOSE',
    },
    { given: 'I35 the future', challenge: made({ now: later(5) }), code: 'CHALLENGE_FROM_FUTURE' },
    { given: 'Q1 61 s ago', challenge: made(), now: later(60.001), code: 'CHALLENGE_EXPIRED' },
    { given: 'no time', challenge: made(), now: new Date(Number.NaN), code: 'CHALLENGE_EXPIRED' },
  ];
  for (const { given, challenge, now = NOW, code } of cases) {
    it(`is refused for ${given}: ${code}`, () => {
      assert.deepEqual(verifyChallenge(KEYS, challenge, { ...expected, now }), { ok: false, code });
    });
  }

  it('whose host tag was moved to another AK is still that of the first: CHALLENGE_INVALID', () => {
    const stolen = Buffer.from(made());
    stolen.set(made({ akName: OTHER_AK_NAME }).subarray(25, 29), 25);
    assert.deepEqual(verifyChallenge(KEYS, stolen, { ...expected, akName: OTHER_AK_NAME }), {
      ok: false,
      code: 'CHALLENGE_INVALID',
    });
  });

  it('for a permit lives 20 s', () => {
    const challenge = made({ purpose: 'permit' });
    const at = (seconds: number) =>
      verifyChallenge(KEYS, challenge, { akName: AK_NAME, purpose: 'permit', now: later(seconds) });
    assert.equal(at(20).ok, true);
    assert.deepEqual(at(20.001), { ok: false, code: 'CHALLENGE_EXPIRED' });
  });

  it('of the key before is still taken', () => {
    const challenge = made({}, challengeKeys(Buffer.alloc(32, 1), 2));
    const keys = challengeKeys(Buffer.alloc(32, 1), 3);
    assert.equal(verifyChallenge(keys, challenge, expected).ok, true);
  });

  it('given out before the database came back from a backup is none after it: CHALLENGE_INVALID', () => {
    const secret = Buffer.alloc(32, 1);
    const now = later(1);
    const ofRestore = (id: string | null) => challengeKeysOf(secret, id)(now);
    const input = { akName: AK_NAME, purpose: 'attest' as const, random: randomBytes(16), now };
    const { challenge } = makeChallenge(ofRestore(null), input);
    const verdict = (id: string | null) =>
      verifyChallenge(ofRestore(id), challenge, { ...expected, now });
    assert.equal(verdict(null).ok, true);
    assert.deepEqual(verdict('one'), { ok: false, code: 'CHALLENGE_INVALID' });
    const { challenge: next } = makeChallenge(ofRestore('one'), input);
    const second = verifyChallenge(ofRestore('two'), next, { ...expected, now });
    assert.deepEqual(second, { ok: false, code: 'CHALLENGE_INVALID' });
  });

  describe('under keys that follow the clock', () => {
    const keysAt = challengeKeysOf(Buffer.alloc(32, 1));
    const day = (days: number, ms = 0) => new Date(Date.UTC(2026, 10, 22) + days * 86_400_000 + ms);
    const verdict = (madeAt: Date, now: Date) => {
      const input = { akName: AK_NAME, purpose: 'attest' as const, random: randomBytes(16) };
      const { challenge } = makeChallenge(keysAt(madeAt), { ...input, now });
      const answer = verifyChallenge(keysAt(now), challenge, { ...expected, now });
      return answer.ok ? 'ok' : answer.code;
    };

    it('two are live: that of the day, and that of the day before', () => {
      assert.equal(verdict(day(0), day(0)), 'ok');
      assert.equal(verdict(day(-1), day(0)), 'ok');
      assert.equal(verdict(day(0, -1), day(0)), 'ok');
      assert.equal(keysAt(day(0)).live.size, 2);
    });

    it('I35: the one before these is retired, and a later one is not born: CHALLENGE_KEY_UNKNOWN', () => {
      for (const days of [-2, -3, -255, 1, 2]) {
        assert.equal(verdict(day(days), day(0)), 'CHALLENGE_KEY_UNKNOWN', `${days}`);
      }
      // 256 days on the wire's byte is the same again, and the key is not.
      assert.equal(verdict(day(-256), day(0)), 'CHALLENGE_INVALID');
    });

    it('a replica whose clock is ahead at midnight is understood', () => {
      assert.equal(verdict(day(0), day(0, -2_000)), 'ok');
      assert.equal(keysAt(day(0, -2_000)).live.size, 2);
    });
  });
});
