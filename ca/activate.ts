import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { ActivationAnswer, ActivationRequest } from '@touchstone/schemas';
import { decodeBase64Url } from './base64url.ts';
import { caError } from './ca-error.ts';
import type { CaContext } from './enroll.ts';
import { type AkSubject, pemOf } from './issuance/index.ts';
import { placeForCertificate } from './revocation/index.ts';
import {
  type Attempt,
  type IssuingAuthority,
  issuerFor,
  recordActivation,
  takeAttempt,
} from './store/index.ts';

/** How often the issuer may change under an activation. */
const MAX_ISSUERS = 3;

/**
 * The second half of an enrolment. A certificate leaves only if
 *
 * - the enrolment exists, is not over, and this is one of its three tries;
 * - the secret's SHA-256 is the stored one, compared in constant time;
 * - what vouched for it does so still: a root of the configuration here, all else with the record of it;
 * - it has a place in a revocation list that is out;
 * - this call, and no other, ended the enrolment, while its issuer still issued for this TPM.
 *
 * Its key and all else in it were stored when the challenge was made: nothing in the request names them.
 * No answer tells anything of the secret but that it was wrong.
 */
export async function activateEnrollment(
  context: CaContext,
  id: string,
  request: ActivationRequest,
): Promise<ActivationAnswer> {
  const { pool, issuance } = context;
  const given = createHash('sha256').update(decodeBase64Url(request.secret, '/secret')).digest();
  const attempt = await takeAttempt(pool, id);
  if (attempt === 'unknown') throw caError('ACTIVATION_UNKNOWN', 404);
  if (attempt === 'ended') throw caError('ACTIVATION_ENDED', 410);
  if (!timingSafeEqual(given, attempt.secretSha256)) throw caError('ACTIVATION_WRONG', 403);
  if (!isStillConfigured(context, attempt)) throw caError('ACTIVATION_ENDED', 410);

  let issuer = await issuerFor(pool, attempt.ekRef);
  for (let issuers = 1; issuer !== undefined && issuers <= MAX_ISSUERS; issuers += 1) {
    if (issuer.notAfter <= attempt.now) throw caError('ISSUER_EXPIRED', 503);
    const { url: crlUrl, partition } = await placeForCertificate(context, issuer.keyId);
    const { der, serial } = await issuance.signAk({
      ...{ issuer: issuer.certificate, ak: subjectOf(attempt), crlUrl, now: attempt.now },
    });
    const { validFromDate: notBefore, validToDate: notAfter } = new X509Certificate(der);
    const record = { serial, issuerKeyId: issuer.keyId, partition, notBefore, notAfter };
    if (await recordActivation(pool, id, record)) return answer(der, issuer);
    const now = await issuerFor(pool, attempt.ekRef);
    if (now?.keyId === issuer.keyId) break;
    issuer = now;
  }
  throw caError('ACTIVATION_ENDED', 410);
}

/** The configuration may be another since the challenge was made. */
function isStillConfigured(
  { tpmRoots }: CaContext,
  { configuredRoot, class: assuranceClass }: Attempt,
): boolean {
  if (configuredRoot === null) return true;
  return tpmRoots.configured.some(
    (root) =>
      root.class === assuranceClass &&
      createHash('sha256').update(root.der).digest().equals(configuredRoot),
  );
}

const subjectOf = (attempt: Attempt): AkSubject =>
  attempt.pinned ? { ...attempt, tpm: { ...attempt.tpm, pinned: true } } : attempt;

/** Agents that know another anchor than the issuer's come to it by a cross-certificate. */
const answer = (ak: Uint8Array, { certificate, crosses }: IssuingAuthority): ActivationAnswer => ({
  certificates: [ak, certificate, ...crosses].map((der) => pemOf(der)),
});
