import type { Problem } from '@touchstone/endorsement';
import type { TpmtPublic } from '@touchstone/tpm';
import type { EkChain } from './ek-chain.ts';

/**
 * A TPM with certificates of several EKs would be several identities. Of a root's TPMs one algorithm is taken, and the
 * answer names it, so that the host comes back with that one.
 */
export function algorithmProblems(chain: EkChain, { type }: TpmtPublic): Problem[] {
  if (chain.kind !== 'trusted') return [];
  const { ekAlgorithm = 'any' } = chain.root;
  if (ekAlgorithm === 'any' || ekAlgorithm === type) return [];
  const told = { expected: ekAlgorithm, actual: type };
  return [{ code: 'EK_ALGORITHM_NOT_CHOSEN', subject: 'type', ...told }];
}

/** Whether the leaf's certificate is for endorsement keys, as far as its root asks. */
export function usageProblems(chain: EkChain): Problem[] {
  if (chain.leaf === undefined) return [];
  const { quirks, subject } = chain.leaf;
  const { eku = 'usual' } = chain.kind === 'trusted' ? chain.root : {};
  const missing = quirks.includes('no-eku') && eku === 'strict';
  const other = quirks.includes('other-eku') && eku !== 'lenient';
  if (!missing && !other) return [];
  return [{ code: 'EK_CERT_PROFILE', subject, actual: 'extKeyUsage without EK' }];
}
