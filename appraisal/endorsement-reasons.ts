import { ENDORSEMENT_CODES, type EndorsementCode } from '@touchstone/endorsement';
import type { Actor } from '@touchstone/schemas';
import type { Reason } from './reason.ts';

/** The codes of `endorsement` that evidence can meet: those about the AK and its certificate. */
type AkCode = Extract<EndorsementCode, `AK_${string}`>;

/** Who can apply the remedy that `endorsement` names. Complete: the compiler misses an absent code. */
const ACTORS: Readonly<Record<AkCode, Actor>> = {
  AK_NOT_RESTRICTED: 'host-administrator',
  AK_ATTRIBUTES: 'host-administrator',
  AK_ALGORITHM: 'host-administrator',
  AK_WEAK: 'host-administrator',
  AK_CERT_PROFILE: 'host-administrator',
  AK_CERT_ISSUER_UNKNOWN: 'agent',
  AK_CERT_ISSUER_REFUSED: 'agent',
  AK_CERT_ISSUER_INVALID: 'operator',
  AK_CERT_EXPIRED: 'agent',
  AK_CERT_NOT_YET_VALID: 'operator',
  AK_CERT_SIGNATURE_INVALID: 'operator',
  AK_CERT_REVOKED: 'nobody',
  AK_CERT_REVOCATION_UNKNOWN: 'operator',
  AK_CERT_REVOCATION_STALE: 'operator',
  AK_CERT_KEY_MISMATCH: 'host-administrator',
};

export const ENDORSEMENT_REASONS = Object.fromEntries(
  Object.entries(ACTORS).map(([code, actor]) => [
    code,
    { ...ENDORSEMENT_CODES[code as AkCode], actor },
  ]),
) as Readonly<Record<AkCode, Reason>>;
