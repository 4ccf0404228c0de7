import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { ENDORSEMENT_CODES, type Problem } from '@touchstone/endorsement';
import type { EnrollmentChallenge, EnrollmentRequest, Finding } from '@touchstone/schemas';
import { encodeTpmtPublic, hashOfBank, makeCredential } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import type pg from 'pg';
import type { Logger } from 'pino';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import { caError } from './ca-error.ts';
import { CA_CODES, type CaCode } from './codes.ts';
import type { Issuance } from './issuance/index.ts';
import { databaseNow, insertEnrollment, isRevoked, queueUntrusted } from './store/index.ts';
import {
  type CheckedEnrollment,
  checkEnrollment,
  type ConfiguredRoot,
  type EnrollmentBytes,
  type EnrollmentIdentity,
} from './validation/index.ts';

/** What the CA works with. */
export type CaContext = {
  readonly pool: pg.Pool;
  /** All that the CA's keys do; they themselves are elsewhere. */
  readonly issuance: Issuance;
  readonly roots: readonly ConfiguredRoot[];
  /** What hosts and operators call this CA by. */
  readonly publicUrl: string;
  readonly log: Logger;
};

const SECRET_BYTES = 32;

/** The first half of an enrolment: a secret that only the TPM with this EK and this AK can give back. */
export async function beginEnrollment(
  context: CaContext,
  request: EnrollmentRequest,
): Promise<EnrollmentChallenge> {
  const bytes: EnrollmentBytes = {
    ekCertificates: request.ekCertificates.map((text, index) =>
      decodeBase64Url(text, `/ekCertificates/${index}`),
    ),
    ekPublic: decodeBase64Url(request.ekPublic, '/ekPublic'),
    akPublic: decodeBase64Url(request.akPublic, '/akPublic'),
    software: request.software,
  };
  const enrollment = await checkedEnrollment(context, bytes);
  return challenge(context, enrollment, { software: bytes.software, renews: null });
}

/**
 * Everything that can be checked of an enrolment, by the roots and the clock of now.
 * @throws AppError for what is against it; an EK that no root vouches for is queued
 */
export async function checkedEnrollment(
  context: CaContext,
  bytes: EnrollmentBytes,
): Promise<CheckedEnrollment> {
  const now = await databaseNow(context.pool);
  const verdict = checkEnrollment(bytes, { roots: context.roots, now });
  switch (verdict.kind) {
    case 'refused':
      throw refusal(verdict.problems);
    case 'untrusted-root':
      throw await queued(context, verdict.identity);
    case 'checked':
      if (await isRevoked(context.pool, verdict.enrollment.ekName)) {
        throw caError('EK_REVOKED', 403);
      }
      return verdict.enrollment;
  }
}

/** @throws AppError ENROLLMENTS_FULL */
export async function challenge(
  { pool, issuance, log }: CaContext,
  enrollment: CheckedEnrollment,
  { software, renews }: { readonly software: boolean; readonly renews: string | null },
): Promise<EnrollmentChallenge> {
  const secret = randomBytes(SECRET_BYTES);
  const credential = makeCredential({
    ekPublic: enrollment.ekPublic,
    name: enrollment.akName,
    credential: secret,
    seed: randomBytes(hashOfBank(enrollment.ekPublic.nameAlg).size),
  });
  const secretSha256 = createHash('sha256').update(secret).digest();
  secret.fill(0);
  const id = randomUUID();
  const stored = await insertEnrollment(pool, {
    ...{ id, secretSha256, class: enrollment.class, software, renews },
    akName: enrollment.akName,
    akPublic: encodeTpmtPublic(enrollment.akPublic),
    akQualifiedName: enrollment.akQualifiedName,
    ekName: enrollment.ekName,
    ekPublic: encodeTpmtPublic(enrollment.ekPublic),
    ekRef: await issuance.ekRef(enrollment.ekName),
    ekCertificates: enrollment.ekCertificates,
  });
  if (stored === undefined) throw caError('ENROLLMENTS_FULL', 503, { retryAfterSeconds: 60 });
  const { notes } = enrollment;
  for (const { code, expected, actual } of notes.filter(({ effect }) => effect === 'warn')) {
    log.warn({ code, expected, actual, enrollmentId: id }, CA_CODES[code as CaCode].title);
  }
  return {
    enrollmentId: id,
    expiresAt: stored.expiresAt.toISOString(),
    credentialBlob: encodeBase64Url(credential.credentialBlob),
    secret: encodeBase64Url(credential.secret),
    ...(notes.length === 0 ? {} : { findings: [...notes] }),
  };
}

async function queued({ pool }: CaContext, identity: EnrollmentIdentity): Promise<AppError> {
  await queueUntrusted(pool, identity);
  return caError('EK_UNTRUSTED_ROOT', 403, { detail: `issuer: ${identity.ekIssuer}` });
}

/** Every problem is told; the first names the answer. */
function refusal(problems: readonly [Problem, ...Problem[]]): AppError {
  const [{ code }] = problems;
  const { title, remedy } = ENDORSEMENT_CODES[code];
  const findings = problems.map(findingOf);
  const detail = findings.map((finding) => `${finding.code} (${finding.subject})`).join('; ');
  return new AppError(code, 422, { title, remedy, detail, findings });
}

function findingOf({ code, subject, expected, actual }: Problem): Finding {
  return {
    ...{ code, effect: 'enforce', actor: 'host-administrator' },
    subject: subject.slice(0, 1_200),
    ...(expected !== undefined && { expected: expected.slice(0, 2_048) }),
    ...(actual !== undefined && { actual: actual.slice(0, 2_048) }),
    remedy: ENDORSEMENT_CODES[code].remedy,
  };
}
