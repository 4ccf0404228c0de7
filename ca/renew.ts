import type { EnrollmentChallenge } from '@touchstone/schemas';
import { encodeTpm2bPublic, parseTpmtPublic } from '@touchstone/tpm';
import { caError } from './ca-error.ts';
import { type CaContext, challenge, checkedEnrollment } from './enroll.ts';
import { recordedKey } from './store/index.ts';

/**
 * Renewal is activation: the recorded AK and EK go through every check of an enrolment again, under the roots
 * of now, and the TPM proves again that it holds both. A certificate follows only if, besides,
 *
 * - the pin still says what the keys say: the same EK Name and the same ekRef;
 * - the class is the one of the enrolment: another one is for a person to see;
 * - the EK was neither revoked nor decommissioned.
 *
 * Whoever knows the id gets a challenge that nobody but that TPM can answer.
 * @throws AppError RENEWAL_UNKNOWN, RENEWAL_DIFFERS, EK_REVOKED, EK_DECOMMISSIONED, and whatever refuses an enrolment
 */
export async function beginRenewal(context: CaContext, id: string): Promise<EnrollmentChallenge> {
  const recorded = await recordedKey(context.pool, id);
  if (recorded === undefined) throw caError('RENEWAL_UNKNOWN', 404);
  const { software } = recorded;
  const bytes = {
    ekCertificates: recorded.ekCertificates,
    ekPublic: encodeTpm2bPublic(parseTpmtPublic(recorded.ekPublic)),
    akPublic: encodeTpm2bPublic(parseTpmtPublic(recorded.akPublic)),
    software,
  };
  const enrollment = await checkedEnrollment(context, bytes, { renewal: true });
  const ekRef = await context.issuance.ekRef(enrollment.ekName);
  const asPinned =
    Buffer.compare(enrollment.ekName, recorded.ekName) === 0 &&
    Buffer.compare(ekRef, recorded.ekRef) === 0 &&
    enrollment.class === recorded.class;
  if (!asPinned) throw caError('RENEWAL_DIFFERS', 409);
  return challenge(context, enrollment, { software, renews: id });
}
