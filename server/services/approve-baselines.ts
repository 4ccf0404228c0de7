import type { Baseline, BaselineApproval, BaselineList } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import { appendAudit, type AuditLine } from '../store/audit.ts';
import {
  activateBaseline,
  activeBaselines,
  listBaselines,
  lockBaselines,
  lockPolicy,
  retireBaselines,
} from '../store/baselines.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { hostsHeldToBaselines, lockHost } from '../store/hosts.ts';
import { keyText } from './baselines.ts';
import { standingAfterApproval } from './host-state.ts';
import { reappraise } from './reappraise.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** No name has more documents than this: each was drafted by a person. */
const ALL = { limit: 10_000, after: null };

type ChangedHosts = NonNullable<BaselineList['changedHosts']>;

/** As many as the answer holds; the audit log names all. */
const MAX_SHOWN = 1_000;

/**
 * Makes drafts of one name the policy, in place of what was active, and holds the last authentic evidence of
 * each host that they are for against it. A host whose evidence leaves no enforced finding becomes trusted:
 * the approver has decided about this boot. One whose evidence is now bad becomes untrusted.
 * @throws AppError BASELINE_NO_DRAFT
 */
export async function approveBaselines(
  verifier: Verifier,
  by: Actor,
  name: string,
  wanted: BaselineApproval,
): Promise<BaselineList> {
  const now = verifier.clock.now();
  return verifier.database.transaction(async (on) => {
    await lockPolicy(on);
    await lockBaselines(on, name);
    const drafts = await draftsToApprove(on, name, wanted);
    const touched: Baseline[] = [...drafts];
    for (const draft of drafts) {
      touched.push(...(await retireBaselines(on, draft, now)));
      await activateBaseline(on, draft, { by: by.name, now });
    }
    const { changedHosts, audit } = await moveHosts(verifier, on, { touched, by, now });
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
      changedHosts: changedHosts.slice(0, MAX_SHOWN),
    };
  });
}

/** Of several drafts of one part, the latest: the others were drafted over. */
async function draftsToApprove(
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

async function moveHosts(
  verifier: Verifier,
  on: Queryable,
  { touched, by, now }: { touched: readonly Baseline[]; by: Actor; now: Date },
): Promise<{ changedHosts: ChangedHosts; audit: AuditLine[] }> {
  const changedHosts: ChangedHosts = [];
  const audit: AuditLine[] = [];
  const baselines = await activeBaselines(on);
  for (const id of await hostsHeldToBaselines(on)) {
    const host = await lockHost(on, id);
    if (host === null || !touched.some((baseline) => isFor(baseline, host))) continue;
    if (host.state !== 'trusted' && host.state !== 'untrusted') continue;
    const to = await newState(verifier, on, { host, baselines, now });
    if (to === host.state) continue;
    changedHosts.push({ id, name: host.name, from: host.state, to });
    audit.push({
      actor: auditActor(by),
      action: 'host.state',
      subject: host.name,
      detail: `${host.state} -> ${to}: baseline approved`,
    });
  }
  return { changedHosts, audit };
}

async function newState(
  verifier: Verifier,
  on: Queryable,
  { host, baselines, now }: { host: Host; baselines: readonly Baseline[]; now: Date },
): Promise<Host['state']> {
  try {
    const { state } = await reappraise(verifier, on, host, {
      baselines,
      cause: 'baseline-approval',
      settle: ({ mark }, { verdict }) =>
        standingAfterApproval({ verdict, resetCount: mark.resetCount }),
      now,
    });
    return state;
  } catch (error) {
    // Evidence that no longer verifies, for its issuer is refused by now, moves nobody.
    if (!(error instanceof AppError)) throw error;
    verifier.log.warn({ host: host.id, code: error.code }, 'stored evidence does not verify');
    return host.state;
  }
}

const isFor = ({ match }: Baseline, host: Host): boolean =>
  match.class.includes(host.class) &&
  (match.host === undefined || match.host === host.id) &&
  Object.entries(match.labels).every(([label, value]) => host.labels[label] === value);
