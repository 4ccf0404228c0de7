import { documentsOf, type VerifiedEvidence } from '@touchstone/appraisal';
import type { Baseline } from '@touchstone/schemas';
import { raiseAlert } from '../store/alerts.ts';
import { baselineByKey } from '../store/baselines.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';

/**
 * Hosts say which policy judged them last, wherever that was. A policy that this deployment has never had means that
 * another server answers beside this one, or that this one was restored from an older backup: whoever runs it hears of
 * it, and no verdict depends on it.
 */
export async function alertDivergingPolicy(
  on: Queryable,
  { statement }: VerifiedEvidence,
  judged: { readonly host: Host; readonly policyId: string; readonly now: Date },
): Promise<void> {
  const { claimedPolicyId } = statement.selfReported;
  // What is used now is known: of most evidence nothing has to be looked up.
  if (claimedPolicyId === undefined || claimedPolicyId === judged.policyId) return;
  if (await isKnown(on, claimedPolicyId)) return;
  const detail = `last judged by ${claimedPolicyId}`;
  await raiseAlert(on, { code: 'POLICY_DIVERGES', subject: judged.host.name, detail }, judged.now);
}

async function isKnown(on: Queryable, policyId: string): Promise<boolean> {
  const documents = documentsOf(policyId);
  if (documents === null) return false;
  for (const { part, ...key } of documents) {
    // A part that there is not is one of which there is no document.
    const named = { ...key, part: part as Baseline['part'] };
    if ((await baselineByKey(on, named)) === null) return false;
  }
  return true;
}
