import { loosens } from '@touchstone/appraisal';
import type { BaselineList, BaselineRetirement } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import {
  activeBaselines,
  listBaselines,
  lockBaselines,
  lockPolicy,
  retireAll,
} from '../store/baselines.ts';
import { moveHosts } from './move-hosts.ts';
import { requireNoWindow } from './open-window.ts';
import { keyText, settlingOf, withoutDocuments } from './policy-change.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** No name has more documents than this: each was drafted by a person. */
const ALL = { limit: 10_000, after: null };

/**
 * Takes documents of one name out of the policy, drafts with them. A host whose evidence the rest does not
 * explain becomes untrusted; none becomes trusted because a rule went. It takes the quorum where what is left asks for
 * less than before.
 * @throws AppError BASELINE_NOT_IN_USE, WINDOW_OPEN, QUORUM_WAITING
 */
export function retireBaselines(
  verifier: Verifier,
  by: Actor,
  name: string,
  { part, reason }: BaselineRetirement,
): Promise<BaselineList> {
  const now = verifier.clock.now();
  const wanted = { name, ...(part === undefined ? {} : { part }) };
  return byQuorum(verifier, async (on) => {
    await lockPolicy(on);
    await lockBaselines(on, name);
    await requireNoWindow(on, name);
    const change = withoutDocuments(await activeBaselines(on), wanted);
    const loosening = loosens(change.before, change.after);
    if (loosening) {
      const subject = part === undefined ? name : `${name}/${part}`;
      const detail = `${change.touched.map(keyText).join(', ')}: ${reason}`;
      const content = { retired: change.touched };
      const one = { action: 'baseline.retire', subject, detail, content };
      const waiting = await takeQuorum(on, by, one, now);
      if (waiting !== null) return waiting;
    }
    const retired = await retireAll(on, { name, part: part ?? null }, now);
    if (retired.length === 0) throw refusal('BASELINE_NOT_IN_USE', { detail: name });
    const { changedHosts, audit } = await moveHosts(verifier, on, {
      ...{ touched: retired, by, now, cause: 'baseline retired' },
      settle: await settlingOf(on, change, loosening),
    });
    const actor = auditActor(by);
    for (const document of retired) {
      audit.push({ actor, action: 'baseline.retire', subject: keyText(document), detail: reason });
    }
    for (const line of audit) await appendAudit(on, line, now);
    const keys = new Set(retired.map(keyText));
    const records = await listBaselines(on, name, ALL);
    return {
      baselines: records.filter(({ baseline }) => keys.has(keyText(baseline))),
      changedHosts,
    };
  });
}
