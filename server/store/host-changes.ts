import { X509Certificate } from 'node:crypto';
import type { AssuranceClass, Labels } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { dayOf } from './day.ts';
import { forgetGateReport } from './gate-reports.ts';
import type { Host, Standing } from './host.ts';
import { HOST_COLUMNS } from './host-row.ts';

/** @throws unique_violation on hosts_name_key, hosts_ek_ref_key or hosts_ak_name_key. */
export async function insertHost(
  on: Queryable,
  host: Omit<Host, 'akIssuer' | 'markIssuer' | 'gateReport'>,
): Promise<void> {
  await on.query(
    `INSERT INTO hosts (${HOST_COLUMNS}, mark_evidence_day, latest_attestation_day, ak_not_after,
       mark_issuer)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
       $20, $21, $22, $23, $24, $25, issuer_key_of($11))`,
    [
      host.id,
      host.name,
      host.state,
      host.stateSince,
      host.class,
      host.admissibleClasses,
      JSON.stringify(host.labels),
      host.ekRef,
      host.akName,
      host.akPublic,
      host.akCertificate,
      host.approvedAkName,
      host.enrolledAt,
      host.mark.resetCount.toString(),
      host.mark.restartCount.toString(),
      host.mark.clock.toString(),
      host.markEvidence,
      host.lastAuthenticAt,
      host.untrustedResetCount?.toString() ?? null,
      host.latestAttestation,
      host.bundleEpoch,
      host.bindingPublic,
      host.markEvidenceDay,
      host.latestAttestationDay,
      notAfterOf(host.akCertificate),
    ],
  );
}

/** Null for what is no certificate: whoever needs it to be one has checked that. */
function notAfterOf(der: Uint8Array): Date | null {
  try {
    return new X509Certificate(der).validToDate;
  } catch {
    return null;
  }
}

/** `since` and the sequence of its orders move only when the state does. An attestation is one of `now`. */
export async function setStanding(
  on: Queryable,
  id: string,
  { state, untrustedResetCount }: Standing,
  { now, attestation }: { readonly now: Date; readonly attestation?: string },
): Promise<void> {
  await on.query(
    `UPDATE hosts
        SET state_since = CASE WHEN state = $2 THEN state_since ELSE $4 END,
            orders_sequence = orders_sequence + CASE WHEN state = $2 THEN 0 ELSE 1 END,
            state = $2, untrusted_reset_count = $3,
            latest_attestation = coalesce($5, latest_attestation),
            latest_attestation_day =
              CASE WHEN $5::uuid IS NULL THEN latest_attestation_day ELSE $6::date END
      WHERE id = $1`,
    [id, state, untrustedResetCount?.toString() ?? null, now, attestation ?? null, dayOf(now)],
  );
}

export async function recordApproval(
  on: Queryable,
  id: string,
  approval: {
    readonly akName: string;
    readonly classes: readonly AssuranceClass[];
    readonly labels: Labels;
  },
): Promise<void> {
  await on.query(
    `UPDATE hosts SET approved_ak_name = $2, admissible_classes = $3, labels = $4 WHERE id = $1`,
    [id, approval.akName, approval.classes, JSON.stringify(approval.labels)],
  );
}

export async function setLabels(on: Queryable, id: string, labels: Labels): Promise<void> {
  await on.query('UPDATE hosts SET labels = $2 WHERE id = $1', [id, JSON.stringify(labels)]);
}

/** What it told of its gate goes with it. */
export async function removeHost(on: Queryable, id: string, now: Date): Promise<void> {
  await forgetGateReport(on, id);
  await on.query('UPDATE hosts SET removed_at = $2 WHERE id = $1', [id, now]);
}

export async function setCertificate(
  on: Queryable,
  id: string,
  akCertificate: Uint8Array,
): Promise<void> {
  await on.query('UPDATE hosts SET ak_certificate = $2, ak_not_after = $3 WHERE id = $1', [
    id,
    akCertificate,
    notAfterOf(akCertificate),
  ]);
}

/**
 * Another identity in the place of the recorded one, approved in the same statement. The history of counters
 * starts again with its own.
 */
export async function replaceIdentity(
  on: Queryable,
  id: string,
  identity: Pick<
    Host,
    | 'ekRef'
    | 'akName'
    | 'akPublic'
    | 'akCertificate'
    | 'bindingPublic'
    | 'mark'
    | 'markEvidence'
    | 'markEvidenceDay'
    | 'lastAuthenticAt'
  > & {
    readonly class: AssuranceClass;
    readonly admissibleClasses: readonly AssuranceClass[];
    readonly labels: Labels;
  },
): Promise<void> {
  await on.query(
    `UPDATE hosts
        SET ek_ref = $2, ak_name = $3, approved_ak_name = $3, ak_public = $4, ak_certificate = $5,
            class = $6, admissible_classes = $7, labels = $8, reset_count = $9, restart_count = $10,
            clock = $11, mark_evidence = $12, last_authentic_at = $13, binding_public = $14,
            mark_evidence_day = $15, ak_not_after = $16,
            evidence_doubted = false, mark_issuer = issuer_key_of($5)
      WHERE id = $1`,
    [
      id,
      identity.ekRef,
      identity.akName,
      identity.akPublic,
      identity.akCertificate,
      identity.class,
      identity.admissibleClasses,
      JSON.stringify(identity.labels),
      identity.mark.resetCount.toString(),
      identity.mark.restartCount.toString(),
      identity.mark.clock.toString(),
      identity.markEvidence,
      identity.lastAuthenticAt,
      identity.bindingPublic,
      identity.markEvidenceDay,
      notAfterOf(identity.akCertificate),
    ],
  );
}

/** Never back. */
export async function setBundleEpoch(on: Queryable, id: string, epoch: number): Promise<void> {
  await on.query('UPDATE hosts SET bundle_epoch = greatest(bundle_epoch, $2) WHERE id = $1', [
    id,
    epoch,
  ]);
}
