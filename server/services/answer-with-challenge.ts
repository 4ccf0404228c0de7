import type { ChallengeAnswer, ChallengeRequest } from '@touchstone/schemas';
import { giveChallenge } from './give-challenge.ts';
import type { Verifier } from './verifier.ts';

/** A challenge as hosts are given it, with what they are to be told with each. */
export async function answerWithChallenge(
  verifier: Verifier,
  request: ChallengeRequest,
): Promise<ChallengeAnswer> {
  const challenge = giveChallenge(verifier, request);
  return (await verifier.askToRenew(request.akName)) ? { ...challenge, renew: true } : challenge;
}
