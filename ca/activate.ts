import { createHash, timingSafeEqual } from 'node:crypto';
import type { ActivationAnswer, ActivationRequest } from '@touchstone/schemas';
import { parseTpmtPublic } from '@touchstone/tpm';
import { decodeBase64Url } from './base64url.ts';
import { caError } from './ca-error.ts';
import type { CaContext } from './enroll.ts';
import { issueAkCertificate, pemOf } from './issuance/index.ts';
import { recordActivation, takeAttempt } from './store/index.ts';

/**
 * The second half of an enrolment. A certificate leaves only if
 *
 * - the enrolment exists, is not over, and this is one of its three tries;
 * - the secret's SHA-256 is the stored one, compared in constant time;
 * - this call, and no other, ended the enrolment.
 *
 * Its key and all else in it were stored when the challenge was made: nothing in the request names them.
 * No answer tells anything of the secret but that it was wrong.
 */
export async function activateEnrollment(
  { pool, authority }: CaContext,
  id: string,
  request: ActivationRequest,
): Promise<ActivationAnswer> {
  const given = createHash('sha256').update(decodeBase64Url(request.secret, '/secret')).digest();
  const attempt = await takeAttempt(pool, id);
  if (attempt === 'unknown') throw caError('ACTIVATION_UNKNOWN', 404);
  if (attempt === 'ended') throw caError('ACTIVATION_ENDED', 410);
  if (!timingSafeEqual(given, attempt.secretSha256)) throw caError('ACTIVATION_WRONG', 403);

  if (authority.issuing.notAfter <= attempt.now) throw caError('ISSUER_EXPIRED', 503);
  const issued = await issueAkCertificate(
    { ...attempt, akPublic: parseTpmtPublic(attempt.akPublic) },
    authority,
    attempt.now,
  );
  if (!(await recordActivation(pool, id, issued))) throw caError('ACTIVATION_ENDED', 410);
  return { certificates: [pemOf(issued.der), authority.issuing.pem] };
}
