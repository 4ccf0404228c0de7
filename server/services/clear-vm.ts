import type { Vm, VmClearance } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { heldVms, releaseHold } from '../store/trust-losses.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';
import { viewVm } from './vms.ts';

/**
 * Loosening, by the quorum: somebody has looked at a VM that was held when the trust in its host was lost.
 * @throws AppError VM_UNKNOWN, VM_NOT_HELD, QUORUM_WAITING
 */
export async function clearVm(
  verifier: Verifier,
  by: Actor,
  uuid: string,
  { reason }: VmClearance,
): Promise<Vm> {
  const now = verifier.clock.now();
  const vm = await viewVm(verifier, uuid);
  await byQuorum(verifier, async (on) => {
    const hold = (await heldVms(on, [uuid])).get(uuid);
    if (hold === undefined) throw refusal('VM_NOT_HELD', { detail: vm.name });
    const detail = `${vm.name}, ${hold.cause}: ${reason}`;
    const content = { uuid, since: hold.since };
    const loosening = { action: 'vm.clear', subject: uuid, detail, content };
    const waiting = await takeQuorum(on, by, loosening, now);
    if (waiting !== null) return waiting;
    await releaseHold(on, uuid);
    const line = { actor: auditActor(by), action: 'vm.clear', subject: uuid, detail };
    await appendAudit(on, line, now);
    return null;
  });
  return vm;
}
