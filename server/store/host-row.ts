import type { AssuranceClass, Labels } from '@touchstone/schemas';
import type { Host, StoredState } from './host.ts';

export type HostRow = {
  id: string;
  name: string;
  state: StoredState;
  state_since: Date;
  class: AssuranceClass;
  admissible_classes: AssuranceClass[];
  labels: Labels;
  ek_ref: string;
  ak_name: string;
  ak_public: Buffer;
  ak_certificate: Buffer;
  ak_issuer: string;
  mark_issuer: string | null;
  approved_ak_name: string | null;
  enrolled_at: Date;
  reset_count: string;
  restart_count: string;
  clock: string;
  mark_evidence: string;
  mark_evidence_day: string;
  last_authentic_at: Date;
  untrusted_reset_count: string | null;
  latest_attestation: string;
  latest_attestation_day: string;
  bundle_epoch: string;
  binding_public: Buffer;
  gate_report: string | null;
};

export const HOST_COLUMNS = `id, name, state, state_since, class, admissible_classes, labels, ek_ref, ak_name,
  ak_public, ak_certificate, approved_ak_name, enrolled_at, reset_count, restart_count, clock,
  mark_evidence, last_authentic_at, untrusted_reset_count, latest_attestation, bundle_epoch,
  binding_public`;

/** Days as text: -infinity is no Date. */
export const HOST_SELECTED = `${HOST_COLUMNS}, gate_report, ak_issuer, mark_issuer, mark_evidence_day::text, latest_attestation_day::text`;

export const hostOf = (row: HostRow): Host => ({
  id: row.id,
  name: row.name,
  state: row.state,
  stateSince: row.state_since,
  class: row.class,
  admissibleClasses: row.admissible_classes,
  labels: row.labels,
  ekRef: row.ek_ref,
  akName: row.ak_name,
  akPublic: row.ak_public,
  akCertificate: row.ak_certificate,
  akIssuer: row.ak_issuer,
  markIssuer: row.mark_issuer,
  approvedAkName: row.approved_ak_name,
  enrolledAt: row.enrolled_at,
  mark: {
    resetCount: BigInt(row.reset_count),
    restartCount: BigInt(row.restart_count),
    clock: BigInt(row.clock),
  },
  markEvidence: row.mark_evidence,
  markEvidenceDay: row.mark_evidence_day,
  lastAuthenticAt: row.last_authentic_at,
  untrustedResetCount:
    row.untrusted_reset_count === null ? null : BigInt(row.untrusted_reset_count),
  latestAttestation: row.latest_attestation,
  latestAttestationDay: row.latest_attestation_day,
  bundleEpoch: Number(row.bundle_epoch),
  bindingPublic: row.binding_public,
  gateReport: row.gate_report,
});
