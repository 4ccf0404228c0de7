import {
  type AppraisalContext,
  AppraisalMemo,
  appraiseEvidenceBy,
  type AttestationResult,
  type VerifiedEvidence,
} from '@touchstone/appraisal';
import type { Host } from '../store/host.ts';
import { isAdmitted } from './host-state.ts';
import type { MeasurementJudge } from './measurement-judge.ts';

/** Appraises without keeping others waiting; of one process. */
export type Appraiser = {
  /** Anew, whatever was judged before. */
  readonly appraise: (
    evidence: VerifiedEvidence,
    context: AppraisalContext,
  ) => Promise<AttestationResult>;
  /**
   * The same result, for a host that attests again and again: where it shows in this boot what it showed
   * before, that is not judged again. Only hosts that somebody admitted are remembered: whoever
   * enrols machines without end takes nobody's place.
   */
  readonly appraiseAgain: (
    evidence: VerifiedEvidence,
    context: AppraisalContext,
    host: Pick<Host, 'state'>,
  ) => Promise<AttestationResult>;
};

export function makeAppraiser(judge: MeasurementJudge, memo = new AppraisalMemo()): Appraiser {
  return {
    appraise: (evidence, context) => appraiseEvidenceBy(judge, evidence, context),
    appraiseAgain: (evidence, context, host) =>
      appraiseEvidenceBy(judge, evidence, context, isAdmitted(host) ? memo : undefined),
  };
}
