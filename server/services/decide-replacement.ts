import type { HostApproval, Replacement, ReplacementList } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { holdPolicy } from '../store/baselines.ts';
import { isUniqueViolation, type Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { replaceIdentity } from '../store/host-changes.ts';
import { lockHost } from '../store/hosts.ts';
import { endLicensesAt, leaveMachine, lockPlacesAt } from '../store/left-machine.ts';
import {
  decideOffer,
  listReplacements,
  lockOffer,
  type StoredOffer,
} from '../store/replacements.ts';
import { holdVmsAt, vmsAtHost } from '../store/trust-losses.ts';
import { standingAfterApproval } from './host-state.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { reappraise } from './reappraise.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

export const viewReplacements = async ({
  database,
}: Pick<Verifier, 'database'>): Promise<ReplacementList> => ({
  replacements: await listReplacements(database),
});

/**
 * By the quorum: the offered identity takes the place of the recorded one: its AK Name is what the approver compared. The
 * host's state then follows from the evidence that came with the offer, and its counters start again.
 * @throws AppError REPLACEMENT_UNKNOWN, REPLACEMENT_DECIDED, AK_NAME_CHANGED, CLASS_NOT_APPROVED,
 *   HOST_REVOKED, EK_ALREADY_BOUND, AK_ALREADY_BOUND, QUORUM_WAITING
 */
export async function approveReplacement(
  verifier: Verifier,
  by: Actor,
  id: string,
  approval: HostApproval,
): Promise<Replacement> {
  const now = verifier.clock.now();
  const { akName, classes, labels } = approval;
  await byQuorum(verifier, async (on) => {
    await holdPolicy(on);
    const { offer, host } = await waiting(on, id);
    await holdVmsAt(on, [host.id]);
    await lockPlacesAt(on, host.id);
    if (host.state === 'revoked') throw refusal('HOST_REVOKED');
    if (offer.akName !== akName) throw refusal('AK_NAME_CHANGED');
    if (!classes.includes(offer.class)) {
      throw refusal('CLASS_NOT_APPROVED', { detail: `The offered class is ${offer.class}.` });
    }
    const waits = await takeQuorum(
      on,
      by,
      {
        action: 'host.replace',
        subject: host.name,
        detail: `${offer.kind}: AK ${host.akName} -> ${akName}, classes ${classes.join(', ')}`,
        content: { id, before: host.akName, akName, classes: classes.toSorted(), labels },
      },
      now,
    );
    if (waits !== null) return waits;
    await replaceIdentity(on, host.id, {
      ...offer,
      admissibleClasses: classes,
      labels: labels ?? host.labels,
      markEvidence: offer.evidence,
      markEvidenceDay: offer.evidenceDay,
      lastAuthenticAt: offer.at,
    }).catch(orBound);
    const replaced = await lockHost(on, host.id);
    if (replaced === null) throw new Error('a host vanished');
    const { state } = await reappraise(verifier, on, replaced, {
      policy: await verifier.policy.read(on),
      cause: 'host-approval',
      settle: ({ mark }, { verdict }) =>
        standingAfterApproval({ verdict, resetCount: mark.resetCount }),
      now,
    });
    // What a loss of trust means for VMs that were there is settled by now: from here on they are elsewhere.
    const left = await leaveIdentity(on, host, offer);
    await decideOffer(on, id, { state: 'approved', by: auditActor(by), at: now });
    const detail = `${offer.kind}: AK ${host.akName} -> ${akName}: ${host.state} -> ${state}${left}`;
    const line = { actor: auditActor(by), action: 'host.replace', subject: host.name, detail };
    await appendAudit(on, line, now);
    return null;
  });
  return viewReplacement(verifier, id);
}

/**
 * By another TPM it is another machine: VMs may run on at the one before, and nothing that the new one proves is about
 * them. Under another AK of the same TPM it is the same machine, and only what was licensed by permits for the AK of
 * before ends. @returns what the audit log says of it
 */
async function leaveIdentity(
  on: Queryable,
  host: Pick<Host, 'id' | 'ekRef'>,
  { ekRef }: Pick<StoredOffer, 'ekRef'>,
): Promise<string> {
  if (ekRef === host.ekRef) {
    await endLicensesAt(on, host.id);
    return '';
  }
  const vms = await vmsAtHost(on, host.id);
  await leaveMachine(on, host.id);
  const named = vms.map(({ name }) => name).join(', ');
  return named === '' ? '' : `; may run on the machine of before: ${named}`;
}

/** @throws AppError REPLACEMENT_UNKNOWN, REPLACEMENT_DECIDED */
export async function rejectReplacement(
  verifier: Verifier,
  by: Actor,
  id: string,
  { reason }: { readonly reason: string },
): Promise<Replacement> {
  const now = verifier.clock.now();
  await verifier.database.transaction(async (on) => {
    const { offer, host } = await waiting(on, id);
    await decideOffer(on, id, { state: 'rejected', by: auditActor(by), at: now });
    const detail = `${offer.kind} by AK ${offer.akName}: ${reason}`;
    const line = { actor: auditActor(by), action: 'host.replace.reject', subject: host.name };
    await appendAudit(on, { ...line, detail }, now);
  });
  return viewReplacement(verifier, id);
}

/** The host first, as whoever queues an offer does. */
async function waiting(on: Queryable, id: string): Promise<{ offer: WaitingOffer; host: Host }> {
  const [known] = await listReplacements(on, id);
  if (known === undefined) throw refusal('REPLACEMENT_UNKNOWN', { detail: id });
  const host = await lockHost(on, known.hostId);
  const offer = await lockOffer(on, id);
  if (host === null || offer === null) throw refusal('REPLACEMENT_UNKNOWN', { detail: id });
  const { evidenceDay } = offer;
  if (offer.state !== 'waiting' || evidenceDay === null) {
    throw refusal('REPLACEMENT_DECIDED', { detail: offer.state });
  }
  return { offer: { ...offer, evidenceDay }, host };
}

type WaitingOffer = StoredOffer & { readonly evidenceDay: string };

/** Since the offer was queued its TPM may have become another host's. */
function orBound(error: unknown): never {
  if (isUniqueViolation(error, 'hosts_ek_ref_key')) throw refusal('EK_ALREADY_BOUND');
  if (isUniqueViolation(error, 'hosts_ak_name_key')) throw refusal('AK_ALREADY_BOUND');
  throw error;
}

async function viewReplacement({ database }: Verifier, id: string): Promise<Replacement> {
  const [replacement] = await listReplacements(database, id);
  if (replacement === undefined) throw refusal('REPLACEMENT_UNKNOWN', { detail: id });
  return replacement;
}
