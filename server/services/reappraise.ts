import { randomUUID } from 'node:crypto';
import { type AttestationResult, type VerifiedEvidence, writeContext } from '@touchstone/appraisal';
import { parseAkCertificate } from '@touchstone/endorsement';
import { parseTpm2bPublic } from '@touchstone/tpm';
import type { HeldPolicy } from '../store/active-policy.ts';
import type { Attestation } from '../store/attestations.ts';
import { keepContext } from '../store/contexts.ts';
import type { Queryable } from '../store/database.ts';
import { dayOf } from '../store/day.ts';
import { isEvidenceDoubted } from '../store/doubted-evidence.ts';
import { evidenceByDigest } from '../store/evidence.ts';
import type { Host, Standing } from '../store/host.ts';
import { authenticEvidence, readEvidence } from './authenticate-evidence.ts';
import { appraiseOn, groundOfStored } from './ima-list.ts';
import { keepIma } from './keep-ima.ts';
import { recordAppraisal, signResult } from './record-appraisal.ts';
import type { Verifier } from './verifier.ts';

/**
 * A host's last authentic evidence, verified again from what is stored. It was fresh when it came and is
 * held to that time; the issuers are those of today, so that a refused one takes its hosts along, and so are their revocation lists.
 * @throws AppError 422 with findings
 */
export async function storedEvidence(
  verifier: Verifier,
  on: Queryable,
  host: Host,
): Promise<VerifiedEvidence> {
  const stored = await evidenceByDigest(on, {
    id: host.markEvidence,
    day: host.markEvidenceDay,
  });
  if (stored === null) throw new Error(`the evidence ${host.markEvidence} is not stored`);
  const parsed = readEvidence(stored.evidence, stored.purpose);
  return authenticEvidence(parsed, {
    purpose: stored.purpose,
    hostId: stored.purpose === 'enrol' ? null : host.id,
    challenge: Buffer.from(parsed.statement.challenge, 'base64url'),
    akPublic: parseTpm2bPublic(host.akPublic),
    akCertificate: parseAkCertificate(stored.akCertificate),
    issuers: verifier.issuers.known().issuers,
    revocation: verifier.revocation.known(),
    selection: stored.selection,
    now: stored.receivedAt,
  });
}

export type Reappraisal = {
  readonly policy: HeldPolicy;
  readonly cause: Attestation['cause'];
  /** Where the result leaves the host. */
  readonly settle: (host: Host, result: AttestationResult) => Standing;
  readonly now: Date;
};

/** Something newer is known of the host: what was good then makes nobody trusted now. */
const withoutTrust = ({ mark }: Host, standing: Standing): Standing =>
  standing.state === 'trusted'
    ? { state: 'untrusted', untrustedResetCount: mark.resetCount }
    : standing;

/** Where a decision about its last evidence leaves a host. */
export const standingOf = async (
  on: Queryable,
  host: Host,
  settled: Standing,
): Promise<Standing> =>
  (await isEvidenceDoubted(on, host.id)) ? withoutTrust(host, settled) : settled;

/** Appraises stored evidence against the policy of now, and stores what came of it. */
export async function reappraise(
  verifier: Verifier,
  on: Queryable,
  host: Host,
  { policy: held, cause, settle, now }: Reappraisal,
): Promise<Standing> {
  const verified = await storedEvidence(verifier, on, host);
  const policy = {
    hostId: host.id,
    class: host.class,
    labels: host.labels,
    ...held,
    now,
  };
  const ground = await groundOfStored(verifier, on, { verified, context: policy });
  const grounded = await appraiseOn(ground, policy, (whole) =>
    verifier.appraiser.appraise(verified, whole),
  );
  const { result } = grounded;
  const context = writeContext(verified, grounded.context);
  await keepContext(on, context.shared, dayOf(now));
  await keepIma(on, { verified, host }, grounded, { again: true });
  const standing = await standingOf(on, host, settle(host, result));
  const appraised = { id: randomUUID(), host, standing, result, cause, context, now };
  const signed = signResult(verifier, appraised);
  await recordAppraisal(on, { ...appraised, signed, answer: null });
  return standing;
}
