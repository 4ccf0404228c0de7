import { type HostDetail, type HostLabelling, type Labels, MAX_LABELS } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { holdPolicy } from '../store/baselines.ts';
import { setLabels } from '../store/host-changes.ts';
import { lockHost } from '../store/hosts.ts';
import { standingAfterChange } from './host-state.ts';
import { requireHost, viewHost } from './host-views.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { reappraise } from './reappraise.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/**
 * By the quorum: labels choose which baselines a host is held to and which VMs may run on it, so its last evidence is
 * appraised under the new ones at once.
 * @throws AppError HOST_UNKNOWN, HOST_REVOKED, LABELS_TOO_MANY, QUORUM_WAITING
 */
export async function labelHost(
  verifier: Verifier,
  by: Actor,
  idOrName: string,
  change: HostLabelling,
): Promise<HostDetail> {
  const now = verifier.clock.now();
  const { id } = await requireHost(verifier.database, idOrName);
  await byQuorum(verifier, async (on) => {
    await holdPolicy(on);
    const host = await lockHost(on, id);
    if (host === null) throw refusal('HOST_UNKNOWN');
    if (host.state === 'revoked') throw refusal('HOST_REVOKED');
    const labels = labelsAfter(host.labels, change);
    const waiting = await takeQuorum(
      on,
      by,
      {
        action: 'host.label',
        subject: host.name,
        detail: `${labelsText(host.labels)} -> ${labelsText(labels)}`,
        content: { id, before: host.labels, labels },
      },
      now,
    );
    if (waiting !== null) return waiting;
    await setLabels(on, id, labels);
    const { state } = await reappraise(
      verifier,
      on,
      { ...host, labels },
      {
        policy: await verifier.policy.read(on),
        cause: 'host-approval',
        settle: ({ mark }, { verdict }) =>
          standingAfterChange(host, { verdict, resetCount: mark.resetCount }),
        now,
      },
    );
    const detail = `${labelsText(host.labels)} -> ${labelsText(labels)}: ${host.state} -> ${state}`;
    const line = { actor: auditActor(by), action: 'host.label', subject: host.name, detail };
    await appendAudit(on, line, now);
    return null;
  });
  return viewHost(verifier, id);
}

function labelsAfter(before: Labels, { set, remove }: HostLabelling): Labels {
  const taken = new Set(remove);
  const kept = Object.entries(before).filter(([key]) => !taken.has(key));
  const labels = Object.fromEntries([...kept, ...Object.entries(set)]);
  if (Object.keys(labels).length > MAX_LABELS) throw refusal('LABELS_TOO_MANY');
  return labels;
}

export const labelsText = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ') || 'no label';
