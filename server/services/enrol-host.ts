import { randomUUID } from 'node:crypto';
import { type VerifiedEvidence, writeContext } from '@touchstone/appraisal';
import type { AkCertificate } from '@touchstone/endorsement';
import type { HostEnrolment, HostEnrolmentAnswer, JoinToken } from '@touchstone/schemas';
import { nameOf, parseTpm2bPublic } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { refusal, SERVER_CODES } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { holdPolicy } from '../store/baselines.ts';
import { isUniqueViolation, type Queryable } from '../store/database.ts';
import { dayOf } from '../store/day.ts';
import { insertEvidence } from '../store/evidence.ts';
import type { Host, Standing } from '../store/host.ts';
import { insertHost } from '../store/host-changes.ts';
import { hostByEkRef, hostByName } from '../store/hosts.ts';
import { authenticEvidence, readEvidence, storableEvidence } from './authenticate-evidence.ts';
import { certifiedBindingKey } from './binding-key.ts';
import { requireKnownEpoch } from './bundle-epoch.ts';
import { requireChallenge } from './give-challenge.ts';
import { markOf } from './host-mark.ts';
import { standingAfterApproval } from './host-state.ts';
import { issuersFor } from './issuer-standing.ts';
import { revocationFor } from './revocation-lists.ts';
import { sentListOf } from './ima-list.ts';
import { useJoinToken } from './join-tokens.ts';
import { keepIma } from './keep-ima.ts';
import { recordAppraisal, signResult } from './record-appraisal.ts';
import { readAkCertificate, renewCertificate } from './renew-certificate.ts';
import { noRoomForPending } from './room-for-pending.ts';
import { settleConflict } from './settle-conflict.ts';
import type { Verifier } from './verifier.ts';

/** Who asks to become a host, authenticated. */
export type Applicant = {
  readonly enrolment: HostEnrolment;
  readonly akPublic: Uint8Array;
  readonly certificate: AkCertificate;
  readonly verified: VerifiedEvidence;
  /** TPM2B_PUBLIC, certified by the AK. */
  readonly bindingPublic: Uint8Array;
  readonly now: Date;
};

/**
 * POST /v1/hosts, DESIGN 4, Enrol 4. The AK's certificate and the first evidence prove which TPM asks; they
 * admit nobody. A join token or an operator does, and what they approve is this AK Name. Nothing that a
 * caller sends changes a host that is there.
 */
export async function enrolHost(
  verifier: Verifier,
  enrolment: HostEnrolment,
): Promise<HostEnrolmentAnswer> {
  const applicant = await authenticate(verifier, enrolment);
  await requireKnownEpoch(verifier, applicant.verified.statement.bundleEpoch);
  const known = await knownHost(verifier, applicant);
  if (known !== null) return knownAnswer(verifier, known, enrolment);
  if (enrolment.joinToken === undefined) {
    const { name } = enrolment;
    const who = { name, akName: applicant.verified.akName, now: applicant.now };
    const refused = await noRoomForPending(verifier.database, who);
    if (refused !== null) throw refused;
  }
  try {
    return await verifier.database.transaction((on) => admit(verifier, on, applicant));
  } catch (error) {
    return settleRace(verifier, applicant, error);
  }
}

/** A certificate that was issued since takes the place of the recorded one, as a renewed one does. */
async function knownAnswer(
  verifier: Verifier,
  host: Host,
  { certificates }: HostEnrolment,
): Promise<HostEnrolmentAnswer> {
  if (host.state !== 'revoked') {
    await renewCertificate(verifier, host.id, { certificates }).catch((error: unknown) => {
      if (!(error instanceof AppError && error.code === 'CERTIFICATE_OLDER')) throw error;
    });
  }
  return answerOf(verifier, host, 'enrolled before');
}

async function authenticate(verifier: Verifier, enrolment: HostEnrolment): Promise<Applicant> {
  const now = verifier.clock.now();
  verifier.issuers.known();
  const certificate = readAkCertificate(enrolment.certificates[0]);
  const akPublicBytes = Buffer.from(enrolment.akPublic, 'base64url');
  const akPublic = parseTpm2bPublic(akPublicBytes);
  const akName = Buffer.from(nameOf(akPublic)).toString('hex');

  const parsed = readEvidence(enrolment.evidence, 'enrol');
  const { challenge } = parsed.statement;
  requireChallenge(verifier, challenge, { akName, purpose: 'enrol', now });
  await verifier.issuers.recalled();
  const { issuers } = await issuersFor(verifier, certificate.issuerKeyId);
  const revocation = await revocationFor(verifier.revocation, certificate);
  const verified = authenticEvidence(parsed, {
    purpose: 'enrol',
    hostId: null,
    challenge: Buffer.from(challenge, 'base64url'),
    akPublic,
    akCertificate: certificate,
    issuers,
    revocation,
    selection: verifier.settings.selection,
    now,
  });
  const bindingPublic = certifiedBindingKey(enrolment.binding, {
    ...{ akPublic, akQualifiedName: certificate.akQualifiedName },
    challenge: Buffer.from(challenge, 'base64url'),
  });
  return { enrolment, akPublic: akPublicBytes, certificate, verified, bindingPublic, now };
}

/**
 * The host that this very TPM and AK are already, when an answer was lost; null for a TPM and a name that
 * are both new.
 * @throws AppError, and an alert is raised, where another identity is in the way. It stays as it is.
 */
async function knownHost(verifier: Verifier, applicant: Applicant): Promise<Host | null> {
  const { database } = verifier;
  const { ekRef } = applicant.certificate;
  const { name } = applicant.enrolment;
  const bound = await hostByEkRef(database, ekRef);
  const namesake = await hostByName(database, name);
  // Either: another delivery of the same may have been let in between the two questions.
  const itself = [bound, namesake].find(
    (host) =>
      host?.name === name && host.ekRef === ekRef && host.akName === applicant.verified.akName,
  );
  if (itself) return itself;
  if (bound === null && namesake === null) return null;
  throw await settleConflict(verifier, applicant, { bound, namesake });
}

async function admit(
  verifier: Verifier,
  on: Queryable,
  applicant: Applicant,
): Promise<HostEnrolmentAnswer> {
  const { enrolment, akPublic, certificate, verified, now } = applicant;
  await holdPolicy(on);
  const token =
    enrolment.joinToken === undefined
      ? null
      : await useJoinToken(on, enrolment.joinToken, {
          ...{ class: certificate.class, name: enrolment.name, now },
        });
  const labels = token?.labels ?? {};
  const id = randomUUID();
  const policy = {
    hostId: id,
    class: certificate.class,
    labels,
    ...(await verifier.policy.read(on)),
    now,
  };
  const context = writeContext(verified, policy);
  const result = await verifier.appraiser.appraise(verified, policy);
  const mark = markOf(verified);
  const standing = standingOf(token, { verdict: result.verdict, resetCount: mark.resetCount });
  const attestation = randomUUID();
  const host: Host = {
    id,
    name: enrolment.name,
    ...standing,
    stateSince: now,
    class: certificate.class,
    admissibleClasses: token?.classes ?? [],
    labels,
    ekRef: certificate.ekRef,
    akName: verified.akName,
    akPublic,
    akCertificate: certificate.der,
    akIssuer: certificate.issuerKeyId,
    markIssuer: null,
    approvedAkName: token?.approve === true ? verified.akName : null,
    enrolledAt: now,
    mark,
    markEvidence: verified.digest,
    markEvidenceDay: dayOf(now),
    lastAuthenticAt: now,
    latestAttestation: attestation,
    latestAttestationDay: dayOf(now),
    bundleEpoch: verified.statement.bundleEpoch,
    bindingPublic: applicant.bindingPublic,
    gateReport: null,
  };
  await insertHost(on, host);
  await insertEvidence(on, storableEvidence(verified, enrolment.evidence), context.shared);
  const ground = { list: sentListOf(verified), stored: null, priors: [undefined] };
  await keepIma(on, { verified, host }, { ground, prior: undefined, context: policy, result });
  const cause = 'evidence' as const;
  const appraised = { id: attestation, host, standing, result, cause, context, now };
  const answer = answerOf(verifier, host, noteOf(token));
  const signed = signResult(verifier, appraised);
  await recordAppraisal(on, { ...appraised, signed, answer });
  await appendAudit(on, auditLine(host, token), now);
  return answer;
}

/** Without a token that approves, the host waits for a person. */
function standingOf(
  token: JoinToken | null,
  evidence: Parameters<typeof standingAfterApproval>[0],
): Standing {
  if (token?.approve === true) return standingAfterApproval(evidence);
  return { state: 'pending', untrustedResetCount: null };
}

const noteOf = (token: JoinToken | null): string =>
  token?.approve === true
    ? 'the join token approved this AK Name'
    : 'an operator has to compare and approve this AK Name';

const auditLine = (host: Host, token: JoinToken | null) => ({
  actor: token === null ? 'nobody' : `join token ${token.id}`,
  action: 'host.enrol',
  subject: host.name,
  detail: `${host.id}, class ${host.class}, AK ${host.akName}: ${host.state}`,
});

function answerOf({ settings }: Verifier, host: Host, note: string): HostEnrolmentAnswer {
  return {
    hostId: host.id,
    state: host.state,
    class: host.class,
    intervalSeconds: settings.intervalSeconds,
    note,
  };
}

/** Of two enrolments at once the database let one in; the other is told what the first has become. */
async function settleRace(
  verifier: Verifier,
  applicant: Applicant,
  error: unknown,
): Promise<HostEnrolmentAnswer> {
  if (!isUniqueViolation(error)) throw error;
  const known = await knownHost(verifier, applicant);
  if (known !== null) return knownAnswer(verifier, known, applicant.enrolment);
  if (isUniqueViolation(error, 'hosts_ak_name_key')) throw refusal('AK_ALREADY_BOUND');
  throw refusal('HOST_NAME_TAKEN', { detail: SERVER_CODES.HOST_NAME_TAKEN.title });
}
