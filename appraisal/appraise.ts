import type { Evidence, Finding } from '@touchstone/schemas';
import type { AppraisalContext } from './appraisal-context.ts';
import type { AppraisalMemo } from './appraisal-memo.ts';
import { type AttestationResult, appraiseEvidence } from './appraise-evidence.ts';
import { EvidenceError } from './evidence-error.ts';
import { finding } from './finding.ts';
import { type ParsedEvidence, parseEvidence } from './parse-evidence.ts';
import type { VerificationContext } from './verification-context.ts';
import { type VerifiedEvidence, verifyEvidence } from './verify-evidence.ts';

export type Appraisal =
  | { readonly ok: true; readonly evidence: VerifiedEvidence; readonly result: AttestationResult }
  /** Not evidence, or not authentic: there is no result. */
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** Evidence -> parsed -> verified -> appraised -> attestation result. */
export const appraise = (
  evidence: Evidence,
  verification: VerificationContext,
  appraisal: AppraisalContext,
  memo?: AppraisalMemo,
): Appraisal => appraiseWith(evidence, appraisal, () => verification, memo);

/** The same, where what evidence is verified against can only be said once it was read. */
export function appraiseWith(
  evidence: Evidence,
  appraisal: AppraisalContext,
  verificationOf: (parsed: ParsedEvidence) => VerificationContext,
  memo?: AppraisalMemo,
): Appraisal {
  const parsed = parsedOrFinding(evidence);
  if ('code' in parsed) return { ok: false, findings: [parsed] };
  const verified = verifyEvidence(parsed, verificationOf(parsed));
  if (!verified.ok) return verified;
  const result = appraiseEvidence(verified.evidence, appraisal, memo);
  return { ok: true, evidence: verified.evidence, result };
}

function parsedOrFinding(evidence: Evidence): ParsedEvidence | Finding {
  try {
    return parseEvidence(evidence);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return findingOfEvidenceError(error);
  }
}

/** The same in the words of a finding, for whoever answers with findings. */
export function findingOfEvidenceError(error: EvidenceError): Finding {
  const { code, field, offset, message } = error;
  const place = offset === undefined ? '' : ` at byte ${offset}`;
  return finding(code, { subject: field, actual: `${message}${place}` });
}
