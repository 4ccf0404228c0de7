import { Type } from 'typebox';
import { base64UrlUpTo, closed, NameHex, oneOf, Timestamp, Uint32 } from './scalars.ts';
import { Selection } from './evidence.ts';

/** `prove` has no challenge: its nonce comes from whoever asks the host. */
export const ChallengePurpose = oneOf('attest', 'permit', 'enrol');
export type ChallengePurpose = Type.Static<typeof ChallengePurpose>;

/** POST /v1/challenges at the server. */
export const ChallengeRequest = closed({ akName: NameHex, purpose: ChallengePurpose });
export type ChallengeRequest = Type.Static<typeof ChallengeRequest>;

/**
 * `selection` is what the quote has to cover, exactly; `bundleEpoch` the newest trust bundle there is. `renew` asks
 * the host to have its AK certificate renewed now, and not when that is due.
 */
export const ChallengeAnswer = closed({
  challenge: base64UrlUpTo(64),
  expiresAt: Timestamp,
  selection: Selection,
  bundleEpoch: Uint32,
  renew: Type.Optional(Type.Literal(true)),
});
export type ChallengeAnswer = Type.Static<typeof ChallengeAnswer>;
