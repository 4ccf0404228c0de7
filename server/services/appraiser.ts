import {
  type AppraisalContext,
  AppraisalMemo,
  appraiseEvidenceBy,
  type AttestationResult,
  type VerifiedEvidence,
} from '@touchstone/appraisal';
import type { Host } from '../store/host.ts';
import { isAdmitted } from './host-state.ts';
import type { JudgesApart } from './judges-apart.ts';

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
  /** What a stored part of an IMA list comes to. */
  readonly imaPart: JudgesApart['imaPart'];
};

export function makeAppraiser(judges: JudgesApart, memo = new AppraisalMemo()): Appraiser {
  return {
    imaPart: judges.imaPart,
    appraise: (evidence, context) => appraiseEvidenceBy(judges, evidence, context),
    appraiseAgain: (evidence, context, host) =>
      appraiseEvidenceBy(judges, evidence, context, isAdmitted(host) ? memo : undefined),
  };
}
