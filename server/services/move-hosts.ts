import type { Baseline, BaselineList } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { AuditLine } from '../store/audit.ts';
import type { HeldPolicy } from '../store/active-policy.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { hostsHeldToBaselines, lockHost } from '../store/hosts.ts';
import { holdVmsAt } from '../store/trust-losses.ts';
import { isFor } from './policy-change.ts';
import { type Reappraisal, reappraise } from './reappraise.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

type ChangedHosts = NonNullable<BaselineList['changedHosts']>;

/** As many as the answer holds; the audit log names all. */
const MAX_SHOWN = 1_000;

/** What hosts are held to has changed. */
export type PolicyMove = Pick<Reappraisal, 'settle' | 'now'> & {
  /** The documents that came or went. */
  readonly touched: readonly Baseline[];
  readonly by: Actor;
  /** For the audit log. */
  readonly cause: string;
};

/**
 * Holds the last authentic evidence of each host that the documents are for against what is active now. All hosts and
 * then all VMs are locked before one is moved: a loss of trust is in the audit log at once, and whoever answers a host
 * or changes a VM's record has that locked while it waits for the log.
 */
export async function moveHosts(
  verifier: Verifier,
  on: Queryable,
  move: PolicyMove,
): Promise<{ changedHosts: ChangedHosts; audit: AuditLine[] }> {
  const changedHosts: ChangedHosts = [];
  const audit: AuditLine[] = [];
  const policy = await verifier.policy.read(on);
  const hosts: Host[] = [];
  for (const id of await hostsHeldToBaselines(on)) {
    const host = await lockHost(on, id);
    if (host === null || !move.touched.some((baseline) => isFor(baseline, host))) continue;
    if (host.state === 'trusted' || host.state === 'untrusted') hosts.push(host);
  }
  const trusted = hosts.filter(({ state }) => state === 'trusted').map(({ id }) => id);
  await holdVmsAt(on, trusted);
  for (const host of hosts) {
    const { id } = host;
    const to = await newState(verifier, on, { host, policy, move });
    if (to === host.state) continue;
    changedHosts.push({ id, name: host.name, from: host.state, to });
    audit.push({
      actor: auditActor(move.by),
      action: 'host.state',
      subject: host.name,
      detail: `${host.state} -> ${to}: ${move.cause}`,
    });
  }
  return { changedHosts: changedHosts.slice(0, MAX_SHOWN), audit };
}

async function newState(
  verifier: Verifier,
  on: Queryable,
  { host, policy, move }: { host: Host; policy: HeldPolicy; move: PolicyMove },
): Promise<Host['state']> {
  try {
    const { state } = await reappraise(verifier, on, host, {
      policy,
      cause: 'baseline-approval',
      settle: move.settle,
      now: move.now,
    });
    return state;
  } catch (error) {
    // Evidence that no longer verifies, for its issuer is refused by now, moves nobody.
    if (!(error instanceof AppError)) throw error;
    verifier.log.warn({ host: host.id, code: error.code }, 'stored evidence does not verify');
    return host.state;
  }
}
