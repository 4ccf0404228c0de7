import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { ENDORSEMENT_CODES, type Problem } from '@touchstone/endorsement';
import type { EnrollmentChallenge, EnrollmentRequest, Finding } from '@touchstone/schemas';
import { encodeTpmtPublic, hashOfBank, makeCredential, type TpmtPublic } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import type pg from 'pg';
import type { Logger } from 'pino';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import { caError } from './ca-error.ts';
import { CA_CODES, type CaCode } from './codes.ts';
import type { Issuance } from './issuance/index.ts';
import type { ListTimes } from './revocation/index.ts';
import { databaseNow, insertEnrollment, pinOf, queueUntrusted, stateOfEk } from './store/index.ts';
import type { TpmRoots } from './tpm-roots/index.ts';
import {
  type CheckedEnrollment,
  checkEnrollment,
  type EnrollmentBytes,
  type EnrollmentContext,
  type EnrollmentIdentity,
  type EnrollmentVerdict,
} from './validation/index.ts';

/** What the CA works with. */
export type CaContext = {
  readonly pool: pg.Pool;
  /** All that the CA's keys do; they themselves are elsewhere. */
  readonly issuance: Issuance;
  readonly tpmRoots: TpmRoots;
  readonly custody: 'file' | 'pkcs11';
  /** What hosts and operators call this CA by. */
  readonly publicUrl: string;
  /** When revocation lists are made, and for how long they count. */
  readonly lists: ListTimes;
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
 * @throws AppError for what is against it; an EK that nobody vouches for is queued
 */
export async function checkedEnrollment(
  context: CaContext,
  bytes: EnrollmentBytes,
  { renewal = false }: { readonly renewal?: boolean } = {},
): Promise<CheckedEnrollment> {
  const now = await databaseNow(context.pool);
  const trusted = await context.tpmRoots.current();
  const verdict = await verdictOn(context, bytes, { ...trusted, now, renewal });
  switch (verdict.kind) {
    case 'refused':
      throw refusal(verdict.problems);
    case 'unvouched':
      throw await queued(context, verdict.identity);
    case 'checked':
      await refuseUnlessActive(context, verdict.enrollment);
      return verdict.enrollment;
  }
}

/** Only where no root vouches for an EK is it asked whether somebody pinned it. */
async function verdictOn(
  { pool }: CaContext,
  bytes: EnrollmentBytes,
  context: EnrollmentContext,
): Promise<EnrollmentVerdict> {
  const verdict = checkEnrollment(bytes, context);
  if (verdict.kind !== 'unvouched') return verdict;
  const pin = await pinOf(pool, verdict.identity.ekName);
  return pin === undefined
    ? verdict
    : checkEnrollment(bytes, { ...context, pinnedClass: pin.class });
}

async function refuseUnlessActive(
  { pool }: CaContext,
  { ekName }: EnrollmentIdentity,
): Promise<void> {
  const state = await stateOfEk(pool, ekName);
  if (state === 'revoked') throw caError('EK_REVOKED', 403);
  if (state === 'decommissioned') throw caError('EK_DECOMMISSIONED', 403);
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
    voucher: enrollment.voucher,
    akName: enrollment.akName,
    akPublic: encodeTpmtPublic(enrollment.akPublic),
    akQualifiedName: enrollment.akQualifiedName,
    ekName: enrollment.ekName,
    ekPublic: encodeTpmtPublic(enrollment.ekPublic),
    ekRef: await issuance.ekRef(enrollment.ekName),
    ekCertificates: enrollment.ekCertificates,
    ...{ tpm: enrollment.tpm, quirks: enrollment.quirks },
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
  const { ekName, ekIssuer, ekPublic } = identity;
  await queueUntrusted(pool, { ...identity, key: keyInWords(ekPublic) });
  const name = `EK Name ${Buffer.from(ekName).toString('hex')}`;
  return ekIssuer === null
    ? caError('EK_NOT_PINNED', 403, { detail: name })
    : caError('EK_UNTRUSTED_ROOT', 403, { detail: `issuer: ${ekIssuer}; ${name}` });
}

const keyInWords = ({ type, parameters }: TpmtPublic): string =>
  'curve' in parameters ? `${type} ${parameters.curve}` : `${type} ${parameters.keyBits}`;

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
