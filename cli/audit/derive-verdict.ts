import {
  appraiseStored,
  type AttestationResult,
  canonicalJson,
  ContextError,
  outcomeDigestOf,
  POLICY,
} from '@touchstone/appraisal';
import type { StoredVerdict } from '@touchstone/schemas';
import type { Content } from './content.ts';
import type { Difference } from './difference-reasons.ts';
import type { ResultKeys } from './result-signature.ts';
import { isSignedAsStored, isSignedResultOf } from './signed-result.ts';
import { storedFindings, unadvised } from './stored-findings.ts';
import { verdictFiles } from './verdict-files.ts';

export type Derived =
  /** Made again, and the same throughout. */
  | { readonly kind: 'same' }
  | { readonly kind: 'differs'; readonly differences: readonly Difference[] }
  /** Made by other rules than the ones here, which are named. */
  | { readonly kind: 'other-rules'; readonly policy: string }
  /** Of a version that did not store what it was made from. */
  | { readonly kind: 'without-context' };

/**
 * Makes a stored verdict again from what is stored beside it, and compares. `same` means that
 * - evidence, context and documents are what the verdict names, and the AK signed the evidence;
 * - the outcome, made again here, has the bytes that were noted;
 * - the record and the signed result say just that, and the signature is the server's.
 *
 * What cannot be derived is no finding to the host, only to whoever keeps the records: where the host stood (`state`),
 * and that the challenge was fresh. The first has to be as the signed result says.
 */
export async function deriveVerdict(
  stored: StoredVerdict,
  content: Content,
  keys: ResultKeys,
): Promise<Derived> {
  const { context } = stored;
  const [policy = ''] = stored.policyId.split(';');
  const otherRules = policy !== POLICY && isPolicy(policy);
  if (context === null || otherRules) {
    // It cannot be made again here; what was signed then can be held against the record all the same.
    if (!isSignedAsStored(stored, keys)) {
      return { kind: 'differs', differences: [{ code: 'RESULT_CHANGED', where: stored.id }] };
    }
    return otherRules ? { kind: 'other-rules', policy } : { kind: 'without-context' };
  }
  const files = await verdictFiles({ ...stored, context }, content);
  const differences = 'code' in files ? [files] : compare(stored, files, context.outcome, keys);
  return differences.length === 0 ? { kind: 'same' } : { kind: 'differs', differences };
}

/** One of ours. Any other text was never written by an appraisal. */
const isPolicy = (policy: string): boolean =>
  /^touchstone\/appraisal\/[1-9][0-9]{0,3}$/u.test(policy);

function compare(
  stored: StoredVerdict,
  { evidence, context }: Extract<Awaited<ReturnType<typeof verdictFiles>>, { evidence: unknown }>,
  outcome: string,
  keys: ResultKeys,
): Difference[] {
  try {
    const again = appraiseStored(evidence, context);
    if (!again.ok) {
      const codes = [...new Set(again.findings.map(({ code }) => code))];
      return [{ code: 'EVIDENCE_CHANGED', where: codes.join(', ') }];
    }
    const { result } = again;
    if (result.evidence !== stored.evidenceDigest) {
      return [{ code: 'EVIDENCE_CHANGED', where: result.evidence }];
    }
    const differs = outcomeDigestOf(result) !== outcome;
    return [
      ...(differs ? [{ code: 'OUTCOME_CHANGED', where: outcomeDigestOf(result) } as const] : []),
      ...recordDifferences(stored, result),
      ...(isSignedResultOf(stored, result, keys)
        ? []
        : [{ code: 'RESULT_CHANGED', where: stored.id } as const]),
    ];
  } catch (error) {
    if (!(error instanceof ContextError)) throw error;
    return [{ code: 'CONTEXT_CHANGED', where: error.message }];
  }
}

/** Each column of the record that says otherwise, by name. */
function recordDifferences(stored: StoredVerdict, result: AttestationResult): Difference[] {
  const columns: Readonly<Record<string, readonly [stored: unknown, again: unknown]>> = {
    verdict: [stored.verdict, result.verdict],
    policyId: [stored.policyId, result.policyId],
    baselines: [stored.baselines, result.baselines],
    selfReported: [stored.selfReported, result.selfReportedMeasurements],
    findings: foundIn(stored, result),
    events: [stored.events, result.events],
  };
  return Object.entries(columns)
    .filter(([, [before, again]]) => !isEqual(before, again))
    .map(([where]) => ({ code: 'VERDICT_CHANGED' as const, where }));
}

function foundIn(
  stored: StoredVerdict,
  { findings }: AttestationResult,
): readonly [stored: unknown, again: unknown] {
  const recorded = storedFindings(stored);
  if (recorded === null) return [stored.findings, null];
  return [recorded.found, unadvised(findings.slice(0, recorded.most))];
}

const isEqual = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);
