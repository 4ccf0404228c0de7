import {
  isMakerName,
  isRocaModulus,
  manufacturerOf,
  type TpmDescription,
  WEAK_EK_ROCA,
} from '@touchstone/endorsement';
import type { TpmtPublic } from '@touchstone/tpm';
import type { EkChain } from './ek-chain.ts';

/** What the CA itself can say of a TPM beside its class. A host that calls itself software has no maker. */
export function tpmDescription(
  chain: EkChain,
  ekPublic: TpmtPublic,
  software: boolean,
): TpmDescription {
  const maker = software ? undefined : makerOf(chain);
  return {
    ...(maker !== undefined && { maker }),
    weaknesses: weaknessesOf(ekPublic),
  };
}

/**
 * By a root that is trusted: the maker that its certificate names, or, where that is another than the root may vouch
 * for or none, the root's own if it has one alone.
 */
function makerOf(chain: EkChain): string | undefined {
  if (chain.kind !== 'trusted') return undefined;
  const vouched = chain.root.manufacturers?.map(manufacturerOf);
  const { manufacturer } = chain.leaf.tpm;
  const claimed = manufacturer === undefined ? undefined : manufacturerOf(manufacturer);
  const [only, ...more] = vouched ?? [];
  const believed = claimed !== undefined && (vouched?.includes(claimed) ?? true);
  const maker = believed ? claimed : more.length === 0 ? only : undefined;
  return maker !== undefined && isMakerName(maker) ? maker : undefined;
}

function weaknessesOf(ekPublic: TpmtPublic): string[] {
  return ekPublic.type === 'rsa' && isRocaModulus(ekPublic.unique) ? [WEAK_EK_ROCA] : [];
}
