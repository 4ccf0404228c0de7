import type { HostApproval, HostDetail } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { holdPolicy } from '../store/baselines.ts';
import { recordApproval } from '../store/host-changes.ts';
import { lockHost } from '../store/hosts.ts';
import { isEvidenceDoubted } from '../store/doubted-evidence.ts';
import { standingAfterApproval } from './host-state.ts';
import { requireHost, viewHost } from './host-views.ts';
import { labelsText } from './label-host.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { reappraise } from './reappraise.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';
import { moveHost } from './move-host.ts';

/**
 * By the quorum. What is approved is the AK Name that the approver compared, with the classes that are good enough for
 * this host. Its state then follows from its last authentic evidence: an approval makes nobody trusted
 * whose evidence is bad.
 * @throws AppError AK_NAME_CHANGED, CLASS_NOT_APPROVED, EVIDENCE_DOUBTED, HOST_REVOKED, QUORUM_WAITING
 */
export async function approveHost(
  verifier: Verifier,
  by: Actor,
  idOrName: string,
  { akName, classes, labels }: HostApproval,
): Promise<HostDetail> {
  const now = verifier.clock.now();
  const { id } = await requireHost(verifier.database, idOrName);
  await byQuorum(verifier, async (on) => {
    await holdPolicy(on);
    const host = await lockHost(on, id);
    if (host === null) throw refusal('HOST_UNKNOWN');
    if (host.state === 'revoked') throw refusal('HOST_REVOKED');
    if (host.akName !== akName) throw refusal('AK_NAME_CHANGED');
    if (await isEvidenceDoubted(on, id)) throw refusal('EVIDENCE_DOUBTED');
    if (!classes.includes(host.class)) {
      throw refusal('CLASS_NOT_APPROVED', { detail: `The host's class is ${host.class}.` });
    }
    const approved = { ...host, labels: labels ?? host.labels };
    const waiting = await takeQuorum(
      on,
      by,
      {
        action: 'host.approve',
        subject: host.name,
        detail: `AK ${akName}, classes ${classes.join(', ')}, ${labelsText(approved.labels)}`,
        content: { id, akName, classes: classes.toSorted(), labels: approved.labels },
      },
      now,
    );
    if (waiting !== null) return waiting;
    await recordApproval(on, id, { akName, classes, labels: approved.labels });
    const { state } = await reappraise(verifier, on, approved, {
      policy: await verifier.policy.read(on),
      cause: 'host-approval',
      settle: ({ mark }, { verdict }) =>
        standingAfterApproval({ verdict, resetCount: mark.resetCount }),
      now,
    });
    const detail = `AK ${akName}, classes ${classes.join(', ')}: ${host.state} -> ${state}`;
    const line = { actor: auditActor(by), action: 'host.approve', subject: host.name, detail };
    await appendAudit(on, line, now);
    return null;
  });
  return viewHost(verifier, id);
}

/** Tightening takes one person. Nothing brings a revoked host back. */
export async function revokeHost(
  verifier: Verifier,
  by: Actor,
  idOrName: string,
  { reason }: { readonly reason: string },
): Promise<HostDetail> {
  const now = verifier.clock.now();
  const { id } = await requireHost(verifier.database, idOrName);
  await verifier.database.transaction(async (on) => {
    const host = await lockHost(on, id);
    if (host === null) throw refusal('HOST_UNKNOWN');
    await moveHost(on, host, { state: 'revoked', untrustedResetCount: null }, { now });
    const line = { actor: auditActor(by), action: 'host.revoke', subject: host.name };
    await appendAudit(on, { ...line, detail: `${host.state} -> revoked: ${reason}` }, now);
  });
  return viewHost(verifier, id);
}
