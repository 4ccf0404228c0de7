import { type Issuer, readIssuer } from './ak-certificate-verification.ts';
import { verifyCertificateSignature } from './certificate-signature.ts';
import type { Problem } from './problem.ts';
import type { RevocationList } from './revocation-list.ts';

export type RevocationListInput = {
  readonly list: RevocationList;
  readonly issuers: readonly Issuer[];
  readonly now: Date;
  /** How far the CA's clock may be ahead of this one. */
  readonly skewSeconds: number;
};

/**
 * Whether a revocation list is to be believed. No problem means that
 *
 * - the issuer of its place is on the list of issuers, not refused, and may sign revocation lists by its certificate;
 * - the list bears that issuer's name, and its key signed it;
 * - it was not made in the future.
 *
 * That it is overdue is no problem here: the last good one counts for a while.
 */
export function verifyRevocationList(input: RevocationListInput): Problem[] {
  const { list, issuers, now, skewSeconds } = input;
  const { issuerKeyId: keyId, key: subject } = list.place;
  const listed = issuers.filter((issuer) => issuer.keyId === keyId);
  const believed = listed.every(({ state }) => state === 'active' || state === 'verify-only');
  const [entry] = listed;
  if (entry === undefined || !believed) return [{ code: 'CRL_ISSUER_UNKNOWN', subject }];

  const issuer = readIssuer(entry);
  const maySign =
    issuer !== undefined &&
    issuer.maySignLists &&
    issuer.keyId === keyId &&
    issuer.name === list.issuer.comparable;
  if (!maySign) return [{ code: 'CRL_ISSUER_INVALID', subject }];
  const signature = verifyCertificateSignature(list, issuer.key);
  if (!signature.ok) return [{ code: 'CRL_SIGNATURE_INVALID', subject, actual: signature.code }];
  const latest = now.getTime() + skewSeconds * 1_000;
  if (list.thisUpdate.getTime() <= latest) return [];
  return [{ code: 'CRL_NOT_YET_VALID', subject, actual: list.thisUpdate.toISOString() }];
}
