import assert from 'node:assert/strict';
import type { Baseline, Evidence, Finding } from '@touchstone/schemas';
import {
  type AppraisalContext,
  appraiseEvidence,
  type AttestationResult,
  captureBaselines,
  parseEvidence,
  type VerificationContext,
  type VerifiedEvidence,
  verifyEvidence,
} from '../../index.ts';
import { appraisal, HOST_ID, makeEvidence, type Making, verification } from './made-evidence.ts';

export function verified(
  evidence: Evidence,
  changed: Partial<VerificationContext> = {},
): VerifiedEvidence {
  const outcome = verifyEvidence(parseEvidence(evidence), verification(changed));
  if (!outcome.ok) assert.fail(JSON.stringify(outcome.findings, null, 1));
  return outcome.evidence;
}

/** The findings for which evidence is not authentic. */
export function refused(
  evidence: Evidence,
  changed: Partial<VerificationContext> = {},
): readonly Finding[] {
  const outcome = verifyEvidence(parseEvidence(evidence), verification(changed));
  assert.ok(!outcome.ok, 'the evidence was taken for authentic');
  return outcome.findings;
}

export const codes = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);

/** The codes of findings that enforce. */
export const enforced = ({ findings }: AttestationResult): string[] =>
  codes(findings.filter(({ effect }) => effect === 'enforce'));

export const capture = (evidence: Evidence = makeEvidence()): Baseline[] =>
  captureBaselines({
    evidence: verified(evidence),
    class: 'software',
    hostId: HOST_ID,
    name: 'shed',
    labels: { site: 'shed' },
    provenance: {
      host: HOST_ID,
      hostName: 'host',
      resetCount: 7,
      capturedAt: '2026-11-22T11:00:00.000Z',
      hostState: 'pending',
    },
    versionOf: () => 1,
  });

/** Baselines of the host as it was approved. */
export const APPROVED: readonly Baseline[] = capture();

export function appraised(
  making: Making = {},
  changed: Partial<AppraisalContext> = {},
): AttestationResult {
  const context = appraisal({ baselines: APPROVED, ...changed });
  return appraiseEvidence(verified(makeEvidence(making)), context);
}
