import type { Proof } from '@touchstone/schemas';
import { buildEvidence } from '../evidence/build.ts';
import type { Enrolment, KeyRecord } from '../state/identity.ts';
import type { Attester } from '../tpm/attester.ts';
import type { Conversations } from '../tpm/conversation.ts';

/** What holds still: IMA's own PCR is left to attestations, whose list comes along. */
const SELECTION = { sha256: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15] };

export type Prover = {
  readonly attester: Attester;
  readonly key: KeyRecord;
  readonly enrolment: Enrolment;
  readonly conversations: Conversations;
};

/**
 * Evidence for whoever gave the nonce. The agent writes the statement, in which the nonce is one field; the quote is for
 * the purpose `prove` and an empty challenge, so that no nonce makes it a quote for another purpose.
 */
export async function prove(prover: Prover, nonce: string): Promise<Proof> {
  const { attester, key, enrolment, conversations } = prover;
  const { hostId, trustBundle, certificates } = enrolment;
  const evidence = await conversations.hold('prove', () =>
    buildEvidence(attester, key, {
      purpose: 'prove',
      ...{ hostId, bundleEpoch: trustBundle.epoch, nonce },
      challenge: '',
      selection: SELECTION,
    }),
  );
  return { evidence, akPublic: key.public, certificates };
}
