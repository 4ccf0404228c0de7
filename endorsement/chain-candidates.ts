import type { Certificate } from './certificate.ts';
import { authorityKeyId, subjectKeyId } from './extensions.ts';

/** Real EK chains have three or four certificates. */
const MAX_CHAIN_LENGTH = 8;
const MAX_STEPS = 256;
const MAX_CHAINS = 16;

/**
 * Every chain from `leaf` to a root that names and key identifiers allow (RFC 5280, 4.2.1.1), leaf first.
 * Nothing is verified here. undefined if there are more than anyone has a good reason to offer: names are
 * the host's to choose, and loops among them too.
 */
export function chainCandidates(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  roots: readonly Certificate[],
): readonly (readonly Certificate[])[] | undefined {
  const found: Certificate[][] = [];
  let steps = 0;

  const extend = (chain: readonly Certificate[], last: Certificate): boolean => {
    steps += 1;
    if (steps > MAX_STEPS || found.length > MAX_CHAINS) return false;
    const fits = (issuer: Certificate) =>
      mayHaveIssued(issuer, last) && !chain.some((used) => isSame(used, issuer));
    for (const root of roots.filter(fits)) found.push([...chain, root]);
    if (chain.length + 1 >= MAX_CHAIN_LENGTH) return true;
    return intermediates.filter(fits).every((issuer) => extend([...chain, issuer], issuer));
  };

  return extend([leaf], leaf) && found.length <= MAX_CHAINS ? found : undefined;
}

export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.comparable === certificate.subject.comparable;
}

export function mayHaveIssued(issuer: Certificate, subject: Certificate): boolean {
  if (subject.issuer.rdns.length === 0) return false;
  if (subject.issuer.comparable !== issuer.subject.comparable) return false;
  const wanted = authorityKeyId(subject)?.keyId;
  const has = subjectKeyId(issuer);
  return wanted === undefined || has === undefined || wanted === has;
}

function isSame(a: Certificate, b: Certificate): boolean {
  return Buffer.compare(a.der, b.der) === 0;
}
