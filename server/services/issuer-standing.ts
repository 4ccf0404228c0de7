import {
  ENDORSEMENT_CODES,
  REFUSED_ISSUER_REMEDY,
  type RefusalReason,
} from '@touchstone/endorsement';
import type { Finding } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { KnownIssuers } from './issuers.ts';
import type { Verifier } from './verifier.ts';

type Issuers = Pick<Verifier, 'issuers'>;

/**
 * The list to verify a certificate of this issuer against. One that is not on it may have begun to issue a moment
 * ago: the CA is asked once, and only then is it unknown.
 * @throws AppError ISSUERS_UNKNOWN
 */
export async function issuersFor({ issuers }: Issuers, keyId: string): Promise<KnownIssuers> {
  const known = issuers.known();
  if (isListed(known, keyId)) return known;
  await issuers.pollSoon();
  return issuers.known();
}

const isListed = ({ issuers }: KnownIssuers, keyId: string): boolean =>
  issuers.some((issuer) => issuer.keyId === keyId);

/** Why a host's certificate counts no more, whatever its own dates say. */
export type LostIssuer = {
  readonly code: 'AK_CERT_ISSUER_REFUSED' | 'AK_CERT_ISSUER_UNKNOWN';
  readonly keyId: string;
  readonly reason: RefusalReason | null;
  readonly since: Date;
};

/** Null for an issuer that is believed. */
export function lostIssuer(known: KnownIssuers, keyId: string): LostIssuer | null {
  const { issuers, refusedSince, receivedAt = new Date(0) } = known;
  const entries = issuers.filter((issuer) => issuer.keyId === keyId);
  const refused = entries.filter(({ state }) => state === 'refused');
  const since = refusedSince?.get(keyId) ?? receivedAt;
  if (refused.length > 0) {
    const reasons = refused.flatMap(({ reason }) => reason ?? []);
    const reason = reasons.includes('compromised') ? 'compromised' : (reasons[0] ?? null);
    return { code: 'AK_CERT_ISSUER_REFUSED', keyId, reason, since };
  }
  if (entries.length > 0) return null;
  return { code: 'AK_CERT_ISSUER_UNKNOWN', keyId, reason: null, since };
}

/** Key ids of those whose certificates are believed. */
export const believedKeyIds = ({ issuers }: KnownIssuers): string[] => {
  const refused = issuers.filter(({ state }) => state === 'refused').map(({ keyId }) => keyId);
  return issuers.map(({ keyId }) => keyId).filter((keyId) => !refused.includes(keyId));
};

/** Null before the first list came: then nobody's certificate is believed, and nobody's has stopped to be. */
export function knownOrNothing({ issuers }: Issuers): KnownIssuers | null {
  try {
    return issuers.known();
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

const TEXT: Readonly<Record<RefusalReason, string>> = {
  retired:
    "Its certificate is by a key of the CA's that was retired; it has not attested by a new one since",
  compromised:
    "Its certificate is by a key of the CA's that is taken for stolen; it has not attested by a new one since",
};

/** For a line about the host. */
export const lostText = ({ code, reason }: LostIssuer): string =>
  reason === null ? ENDORSEMENT_CODES[code].title : TEXT[reason];

/** The same as a finding, before those of a verdict that was given while the issuer was believed. */
export function lostFinding(lost: LostIssuer): Finding {
  const { code, keyId, reason } = lost;
  return {
    ...{ code, effect: 'enforce', subject: lostText(lost) },
    actual: reason === null ? keyId : `${keyId}: ${reason}`,
    remedy: reason === null ? ENDORSEMENT_CODES[code].remedy : REFUSED_ISSUER_REMEDY[reason],
    actor: 'host-administrator',
  };
}
