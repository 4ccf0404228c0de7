export { ContextError } from './again/context-error.ts';
export {
  canonicalJson,
  outcomeBytes,
  outcomeDigestOf,
  withoutAdvice,
} from './again/outcome-bytes.ts';
export {
  appraiseStored,
  contextDigestOf,
  writeContext,
  type WrittenContext,
  type WrittenSharedContext,
} from './again/stored-context.ts';
export type { AppraisalContext } from './appraisal-context.ts';
export { AppraisalMemo } from './appraisal-memo.ts';
export { type Appraisal, appraise, findingOfEvidenceError } from './appraise.ts';
export { appraiseLog, type LogAppraisal } from './appraise-log.ts';
export {
  type AttestationResult,
  appraiseEvidence,
  appraiseEvidenceBy,
  type Judges,
} from './appraise-evidence.ts';
export { BaselineError, type BaselineErrorCode } from './baseline/baseline-error.ts';
export { baselinesFromLog, type FromLogInput } from './baseline/baselines-from-log.ts';
export { captureBaselines, type CaptureInput } from './baseline/capture-baselines.ts';
export { CaptureError, type CaptureErrorCode } from './baseline/capture-error.ts';
export { checkBaseline } from './baseline/check-baseline.ts';
export {
  type BaselineChange,
  type BaselineDiff,
  diffBaselines,
} from './baseline/diff-baselines.ts';
export { loosens } from './baseline/loosens.ts';
export { EvidenceError, type EvidenceErrorCode } from './evidence-error.ts';
export { finding, type FindingDetails, findingFrom } from './finding.ts';
export { formatBaseline, formatBaselines } from './baseline/format-baseline.ts';
export { appraiseImaSegment } from './ima/appraise-ima-segment.ts';
export { imaPolicyFromList, type ImaPolicyOptions } from './ima/ima-policy-from-list.ts';
export { checkImaPolicy, imaPolicyDigestOf } from './ima/compiled-ima-policy.ts';
export type { ImaAppraisal, ImaDocument, ImaSegmentContext, ImaState } from './ima/ima-segment.ts';
export { quirksNeeded } from './firmware/firmware-findings.ts';
export { imaDocumentsFor, type ImaMeasurements } from './ima-measurements.ts';
export { type ImaJudgement, judgeIma } from './judge-ima.ts';
export { type ImaPart, judgeImaPart } from './judge-ima-part.ts';
export { judgeMeasurements, type MeasurementJudgement } from './judge-measurements.ts';
export { keyOf, type Measurements } from './measurements.ts';
export { statementVersionOf } from './statement-version.ts';
export { evidenceDigestOf, type ParsedEvidence, parseEvidence } from './parse-evidence.ts';
export { type BaselineEdit, editBaseline } from './baseline/edit-baseline.ts';
export { parseBaselines, readBaselines, type WrittenBaseline } from './baseline/parse-baselines.ts';
export { documentsOf, POLICY } from './policy-id.ts';
export { qualifyingDataOf } from './qualifying-data.ts';
export { isQuirk, type QuirkName, QUIRKS } from './quirks.ts';
export type { Reason } from './reason.ts';
export { type ReasonCode, REASONS } from './reasons.ts';
export { resultClaims, type ResultIssue } from './result-claims.ts';
export type { UpdateWindow } from './update-window.ts';
export { pcrSelectionOf } from './selection.ts';
export { unmeetableRules } from './baseline/unmeetable-rules.ts';
export { isGoodEvidence } from './verdict.ts';
export type { VerificationContext } from './verification-context.ts';
export { type Verification, type VerifiedEvidence, verifyEvidence } from './verify-evidence.ts';
