import { loosens } from '@touchstone/appraisal';
import type { Baseline, BaselineApproval, BaselineList } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import {
  activateBaseline,
  activeBaselines,
  listBaselines,
  lockBaselines,
  lockPolicy,
  retireBaselines,
} from '../store/baselines.ts';
import type { Queryable } from '../store/database.ts';
import { moveHosts } from './move-hosts.ts';
import { requireNoWindow } from './open-window.ts';
import { keyText, type PolicyChange, settlingOf, withDocuments } from './policy-change.ts';
import { byQuorum, type Loosening, takeQuorum } from './quorum.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** No name has more documents than this: each was drafted by a person. */
const ALL = { limit: 10_000, after: null };

/**
 * Makes drafts of one name the policy, in place of what was active, and holds the last authentic evidence of
 * each host that they are for against it. A host whose evidence leaves no enforced finding becomes trusted:
 * the approver has decided about this boot. One whose evidence is now bad becomes untrusted. One of which something
 * newer is known than its evidence stays as it is. What loosens takes the quorum; what tightens takes one person, and
 * where the quorum is 2 makes nobody trusted.
 * @throws AppError BASELINE_NO_DRAFT, WINDOW_OPEN, QUORUM_WAITING
 */
export async function approveBaselines(
  verifier: Verifier,
  by: Actor,
  name: string,
  wanted: BaselineApproval,
): Promise<BaselineList> {
  const now = verifier.clock.now();
  return byQuorum(verifier, async (on) => {
    await lockPolicy(on);
    await lockBaselines(on, name);
    await requireNoWindow(on, name);
    const drafts = await draftsToApprove(on, name, wanted);
    const change = withDocuments(await activeBaselines(on), drafts);
    const loosening = loosens(change.before, change.after);
    if (loosening) {
      const waiting = await takeQuorum(on, by, approvalOf(name, drafts, change), now);
      if (waiting !== null) return waiting;
    }
    const touched: Baseline[] = [...drafts];
    for (const draft of drafts) {
      touched.push(...(await retireBaselines(on, draft, now)));
      await activateBaseline(on, draft, { by: by.name, now });
    }
    const { changedHosts, audit } = await moveHosts(verifier, on, {
      ...{ touched, by, now, cause: 'baseline approved' },
      settle: await settlingOf(on, change, loosening),
    });
    const actor = auditActor(by);
    for (const draft of drafts) {
      audit.push({ actor, action: 'baseline.approve', subject: keyText(draft) });
    }
    // Last in the transaction: the chain's lock is held by no one who waits for a host.
    for (const line of audit) await appendAudit(on, line, now);
    const keys = new Set(drafts.map(keyText));
    const records = await listBaselines(on, name, ALL);
    return {
      baselines: records.filter(({ baseline }) => keys.has(keyText(baseline))),
      changedHosts,
    };
  });
}

/** Bound to the very documents: those that come, and those whose place they take. */
const approvalOf = (
  name: string,
  drafts: readonly Baseline[],
  { touched }: PolicyChange,
): Loosening => ({
  action: 'baseline.approve',
  subject: name,
  detail: `${drafts.map(keyText).join(', ')} for ${touched.slice(drafts.length).map(keyText).join(', ') || 'nothing'}`,
  content: { documents: drafts, replaced: touched.slice(drafts.length) },
});

/** Of several drafts of one part, the latest: the others were drafted over. @throws AppError BASELINE_NO_DRAFT */
export async function draftsToApprove(
  on: Queryable,
  name: string,
  { part, version }: BaselineApproval,
): Promise<Baseline[]> {
  const latest = new Map<string, Baseline>();
  for (const { baseline, state } of await listBaselines(on, name, ALL)) {
    const asked =
      state === 'draft' &&
      (part === undefined || baseline.part === part) &&
      (version === undefined || baseline.version === version);
    const other = latest.get(baseline.part);
    if (asked && (other === undefined || other.version < baseline.version)) {
      latest.set(baseline.part, baseline);
    }
  }
  if (latest.size === 0) throw refusal('BASELINE_NO_DRAFT', { detail: name });
  return [...latest.values()];
}
