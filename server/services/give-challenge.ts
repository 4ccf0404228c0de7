import { randomBytes } from 'node:crypto';
import type { ChallengeAnswer, ChallengePurpose, ChallengeRequest } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { makeChallenge, verifyChallenge } from './challenge.ts';
import type { Verifier } from './verifier.ts';

/** For whoever asks: it is worth nothing without the AK that it names. */
export function giveChallenge(
  { challengeKeys, clock, settings }: Verifier,
  { akName, purpose }: ChallengeRequest,
): ChallengeAnswer {
  const { challenge, expiresAt } = makeChallenge(challengeKeys, {
    akName,
    purpose,
    now: clock.now(),
    random: randomBytes(16),
  });
  return {
    challenge: Buffer.from(challenge).toString('base64url'),
    expiresAt: expiresAt.toISOString(),
    selection: settings.selection,
  };
}

/**
 * When the challenge was made.
 * @throws AppError CHALLENGE_*: it was not made here, for this AK and purpose, just now.
 */
export function requireChallenge(
  { challengeKeys }: Verifier,
  challenge: string,
  expected: { readonly akName: string; readonly purpose: ChallengePurpose; readonly now: Date },
): Date {
  const bytes = Buffer.from(challenge, 'base64url');
  // Several texts may decode to the same bytes; only one of them was given out.
  if (bytes.toString('base64url') !== challenge) throw refusal('CHALLENGE_MALFORMED');
  const verdict = verifyChallenge(challengeKeys, bytes, expected);
  if (!verdict.ok) throw refusal(verdict.code);
  return verdict.madeAt;
}
