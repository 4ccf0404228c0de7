import {
  type AttestationResult,
  isGoodEvidence,
  outcomeDigestOf,
  resultClaims,
  type WrittenContext,
} from '@touchstone/appraisal';
import type { Finding, OwnContext } from '@touchstone/schemas';
import { serverFinding } from '../codes.ts';
import { type Attestation, insertAttestation } from '../store/attestations.ts';
import type { Queryable } from '../store/database.ts';
import type { Host, Standing } from '../store/host.ts';
import type { Verifier } from './verifier.ts';
import { moveHost } from './move-host.ts';

export type Appraised = {
  readonly id: string;
  /** As it stood before. */
  readonly host: Host;
  readonly standing: Standing;
  readonly result: AttestationResult;
  readonly cause: Attestation['cause'];
  /** What it was made from. Its blobs are kept by whoever keeps the evidence. */
  readonly context: WrittenContext;
  readonly now: Date;
};

/** The result as a JWT: for whoever relies on it, wherever it is kept. */
export function signResult(verifier: Verifier, appraised: Appraised): string {
  const { publicUrl: issuer, build } = verifier.settings;
  const { id, host, standing, result, now } = appraised;
  return verifier.resultKey.sign(
    resultClaims(result, { issuer, hostId: host.id, state: standing.state, id, now, build }),
  );
}

/** Stores a verdict, with what it was made from and what it did to the host, and moves the host. */
export async function recordAppraisal(
  on: Queryable,
  appraised: Appraised & {
    readonly signed: string;
    readonly answer: object | null;
    /** VMs that the host says to run in the statement that was appraised. */
    readonly running?: readonly string[];
  },
): Promise<void> {
  const { id, host, standing, result, cause, context, now } = appraised;
  const { signed, answer, running = [] } = appraised;
  await insertAttestation(on, {
    id,
    hostId: host.id,
    at: now,
    cause,
    evidence: result.evidence,
    class: host.class,
    labels: host.labels,
    baselines: [...result.baselines],
    policyId: result.policyId,
    verdict: result.verdict,
    state: standing.state,
    selfReported: result.selfReportedMeasurements,
    findings: [...stateFindings(host, standing, result), ...result.findings].slice(0, 256),
    events: [...result.events],
    result: signed,
    answer,
    context: {
      digest: context.digest,
      shared: context.shared.digest,
      own: ownBeyondColumns(context.own),
      outcome: outcomeDigestOf(result),
    },
  });
  await moveHost(on, host, standing, { now, attestation: id, running });
}

const IN_COLUMNS: ReadonlySet<string> = new Set<keyof OwnContext>([
  ...(['purpose', 'hostId', 'class', 'labels', 'selection'] as const),
  ...(['akPublic', 'akCertificate', 'receivedAt', 'now'] as const),
]);

/** Of what is a verdict's own, all that its columns and those of its evidence do not say. */
function ownBeyondColumns(own: OwnContext): object | null {
  const rest = Object.entries(own).filter(([key, value]) => value !== null && !IN_COLUMNS.has(key));
  return rest.length === 0 ? null : Object.fromEntries(rest);
}

/** Why a host is not trusted though its evidence is good. */
export function stateFindings(
  host: Pick<Host, 'name'>,
  { state, untrustedResetCount }: Standing,
  result: AttestationResult,
): Finding[] {
  if (state !== 'untrusted' || !isGoodEvidence(result.verdict)) return [];
  return [
    serverFinding('STATE_UNTRUSTED_UNTIL_REBOOT', {
      subject: host.name,
      expected: `a resetCount above ${untrustedResetCount}`,
      actual: `${result.boot.resetCount}`,
    }),
  ];
}
