import { randomBytes } from 'node:crypto';
import type { ChallengeAnswer, ChallengePurpose, ChallengeRequest } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { makeChallenge, verifyChallenge } from './challenge.ts';
import type { Verifier } from './verifier.ts';

/** For whoever asks: it is worth nothing without the AK that it names. */
export function giveChallenge(
  { challengeKeysAt, bundles, clock, settings }: Verifier,
  { akName, purpose }: ChallengeRequest,
): ChallengeAnswer {
  const now = clock.now();
  const { challenge, expiresAt } = makeChallenge(challengeKeysAt(now), {
    ...{ akName, purpose, now },
    random: randomBytes(16),
  });
  return {
    challenge: Buffer.from(challenge).toString('base64url'),
    expiresAt: expiresAt.toISOString(),
    selection: settings.selection,
    bundleEpoch: bundles.current().epoch,
  };
}

/**
 * When the challenge was made.
 * @throws AppError CHALLENGE_*: it was not made here, for this AK and purpose, just now.
 */
export function requireChallenge(
  { challengeKeysAt }: Verifier,
  challenge: string,
  expected: { readonly akName: string; readonly purpose: ChallengePurpose; readonly now: Date },
): Date {
  const bytes = Buffer.from(challenge, 'base64url');
  // Several texts may decode to the same bytes; only one of them was given out.
  if (bytes.toString('base64url') !== challenge) throw refusal('CHALLENGE_MALFORMED');
  const verdict = verifyChallenge(challengeKeysAt(expected.now), bytes, expected);
  if (!verdict.ok) throw refusal(verdict.code);
  return verdict.madeAt;
}
