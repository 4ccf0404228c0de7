import type { EvidenceAnswer, PermitsAnswer } from '@touchstone/schemas';
import type { AuditLine } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { answerRequests } from './answer-requests.ts';
import type { AnsweredStart } from './expose-starts.ts';
import { positionIn } from './ima-list.ts';
import type { Judged } from './judge-evidence.ts';
import { signResult } from './record-appraisal.ts';
import type { Verifier } from './verifier.ts';

/** What the host is told, without its mandates; of starts, what was decided. */
export type Answered = {
  /** The result as a JWT. */
  readonly signed: string;
  readonly answer: EvidenceAnswer | PermitsAnswer;
  readonly audit: readonly AuditLine[];
  readonly starts: readonly AnsweredStart[];
};

/** The attestation result, and by purpose the permits that were asked for, or when the next evidence is due. */
export async function answerEvidence(
  verifier: Verifier,
  on: Queryable,
  { purpose, verified, grounded, appraised }: Judged,
): Promise<Answered> {
  const { standing, result } = appraised;
  const signed = signResult(verifier, appraised);
  const common = {
    ...{ result: signed, state: standing.state, verdict: result.verdict },
    ...positionIn(grounded),
  };
  if (purpose === 'attest') {
    const { intervalSeconds } = verifier.settings;
    return { signed, answer: { ...common, intervalSeconds }, audit: [], starts: [] };
  }
  const { given, audit, starts } = await answerRequests(verifier, on, { appraised, verified });
  return { signed, answer: { ...common, ...given }, audit, starts };
}
