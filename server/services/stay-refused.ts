import type { CaBundle } from '@touchstone/schemas';

const MAX_ISSUERS = 32;

/**
 * A later list with what this server knows better: an issuer whose key is known to be stolen is never believed again.
 * A CA that came back from a backup of before may have forgotten the theft; the thief has not.
 */
export function withStolenRefused(given: CaBundle, before: CaBundle | undefined): CaBundle {
  const stolen = (before?.issuers ?? []).filter(
    ({ state, reason }) => state === 'refused' && reason === 'compromised',
  );
  const isOf = (keyId: string) => (issuer: CaBundle['issuers'][number]) => issuer.keyId === keyId;
  const issuers = given.issuers.map((issuer) => {
    const known = stolen.some(isOf(issuer.keyId));
    return known
      ? { ...issuer, state: 'refused' as const, reason: 'compromised' as const }
      : issuer;
  });
  const unlisted = stolen.filter(({ keyId }) => !issuers.some(isOf(keyId)));
  return { ...given, issuers: [...issuers, ...unlisted].slice(0, MAX_ISSUERS) };
}
