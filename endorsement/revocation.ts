import type { AkCertificate } from './ak-certificate.ts';
import type { Problem } from './problem.ts';
import type { RevocationList, RevokedEntry } from './revocation-list.ts';

/** What of a verified list is looked at for a certificate. */
export type HeldRevocationList = Pick<RevocationList, 'number' | 'nextUpdate' | 'revoked'> & {
  /** The place's. */
  readonly url: string | null;
};

/** The newest list of each place that was verified, by `CrlPlace.key`. */
export type Revocation = {
  readonly lists: ReadonlyMap<string, HeldRevocationList>;
  /** For so long after a list's next update it is gone by all the same. */
  readonly graceSeconds: number;
};

/** What is known of one certificate at one time. `good` and `overdue` alone are a yes. */
export type RevocationStanding =
  | { readonly kind: 'good' }
  /** Not on a list that should have been followed by a newer one. */
  | { readonly kind: 'overdue'; readonly nextUpdate: Date; readonly until: Date }
  | { readonly kind: 'revoked'; readonly entry: RevokedEntry }
  /** There is no list of its place, or none that still counts. */
  | { readonly kind: 'unknown'; readonly until: Date | null };

const GOOD: RevocationStanding = { kind: 'good' };

/**
 * Whether a certificate stands on the list of its own place: that of its issuer and of the URL that it names, and of no
 * other. A revoked one is revoked however old the list is. That a list was not made in the future was seen when it came.
 */
export function revocationOf(
  { crl, serial }: AkCertificate,
  { lists, graceSeconds }: Revocation,
  now: Date,
): RevocationStanding {
  const list = lists.get(crl.key);
  if (list === undefined || list.url !== crl.url) return { kind: 'unknown', until: null };
  const entry = list.revoked.get(serial);
  if (entry !== undefined) return { kind: 'revoked', entry };
  const { nextUpdate } = list;
  if (now.getTime() <= nextUpdate.getTime()) return GOOD;
  const until = new Date(nextUpdate.getTime() + graceSeconds * 1_000);
  // Only a yes is a yes: an invalid Date compares false with everything.
  return now <= until ? { kind: 'overdue', nextUpdate, until } : { kind: 'unknown', until };
}

/** Why a certificate is not to be believed, as far as lists tell. */
export function revocationProblems(
  certificate: AkCertificate,
  revocation: Revocation,
  now: Date,
): Problem[] {
  const subject = certificate.crl.key;
  const standing = revocationOf(certificate, revocation, now);
  switch (standing.kind) {
    case 'good':
    case 'overdue':
      return [];
    case 'revoked': {
      const { at, reason } = standing.entry;
      return [{ code: 'AK_CERT_REVOKED', subject, actual: `${reason}, ${at.toISOString()}` }];
    }
    case 'unknown': {
      const { until } = standing;
      const actual =
        until === null
          ? 'no list of this place'
          : `a list that counted until ${until.toISOString()}`;
      return [{ code: 'AK_CERT_REVOCATION_UNKNOWN', subject, actual }];
    }
  }
}

/** What is to be said of a certificate that is believed by a list that is overdue. */
export function revocationWarnings(
  certificate: AkCertificate,
  revocation: Revocation,
  now: Date,
): Problem[] {
  const standing = revocationOf(certificate, revocation, now);
  if (standing.kind !== 'overdue') return [];
  const { nextUpdate, until } = standing;
  return [
    {
      ...{ code: 'AK_CERT_REVOCATION_STALE', subject: certificate.crl.key },
      expected: `a list newer than ${nextUpdate.toISOString()}`,
      actual: `counts until ${until.toISOString()}`,
    },
  ];
}
