import type { Queryable } from '../store/database.ts';
import { raiseAlert } from '../store/alerts.ts';
import { appendAudits } from '../store/audit.ts';
import type { Host, Standing } from '../store/host.ts';
import { setStanding } from '../store/host-changes.ts';
import { holdVms, vmsAtHost } from '../store/trust-losses.ts';

/**
 * Moves a host, which the caller has locked, to where it stands from now on. Where that ends its trust, what its VMs'
 * records say of it is done in the same transaction: it is written down and people hear of it, and those that are to
 * start nowhere are held. What is to happen on the host itself are its orders, which say so from now on. `running`: VMs that
 * it says to run in the statement that moves it, which become known as running there later in this transaction.
 */
export async function moveHost(
  on: Queryable,
  host: Pick<Host, 'id' | 'name' | 'state'>,
  standing: Standing,
  at: { readonly now: Date; readonly attestation?: string; readonly running?: readonly string[] },
): Promise<void> {
  await setStanding(on, host.id, standing, at);
  if (host.state === 'trusted' && standing.state !== 'trusted') {
    await settleLoss(on, host, standing, at);
  }
}

async function settleLoss(
  on: Queryable,
  { id, name }: Pick<Host, 'id' | 'name'>,
  { state }: Standing,
  { now, running = [] }: { readonly now: Date; readonly running?: readonly string[] },
): Promise<void> {
  const vms = await vmsAtHost(on, id, { running });
  if (vms.length === 0) return;
  const held = vms.filter(({ action }) => action === 'no-new-starts').map(({ vm }) => vm);
  if (held.length > 0) {
    await holdVms(on, held, { hostId: id, now, cause: `host ${name} became ${state}` });
  }
  const lines = vms.map(({ vm, name: vmName, action }) => ({
    ...{ actor: 'verifier', action: 'vm.trust-lost', subject: vm },
    detail: `${vmName} on ${name}, which became ${state}: ${action}`,
  }));
  await appendAudits(on, lines, now);
  const named = vms.map((vm) => `${vm.name}: ${vm.action}`).join(', ');
  await raiseAlert(on, { code: 'VM_TRUST_LOST', subject: name, detail: named }, now);
}
