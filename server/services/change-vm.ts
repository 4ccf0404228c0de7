import { isDeepStrictEqual } from 'node:util';
import type { ApiToken, Vm } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { isUniqueViolation } from '../store/database.ts';
import { listDiskKeys } from '../store/disk-keys.ts';
import { lockHostsOfVm } from '../store/trust-losses.ts';
import { deleteVm, lockVm, updateVm } from '../store/vms.ts';
import { requireApprover } from './require-approver.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { auditActor, type Verifier } from './verifier.ts';
import { looseningsOf } from './vm-loosening.ts';
import { requireNoCarrier, requireSound, viewVm, whatItSays } from './vms.ts';

/**
 * Puts a record in the place of the one that is there. What loosens takes the quorum and the role approver; what
 * tightens takes one person.
 * @throws AppError VM_UNKNOWN, VM_UUID_DIFFERS, VM_EXISTS, VM_SEALED_REFUSES, VM_DISK_TWICE, VM_CARRIES_TOUCHSTONE,
 * ROLE_MISSING, QUORUM_WAITING
 */
export async function changeVm(
  verifier: Verifier,
  by: ApiToken,
  uuid: string,
  wanted: Vm,
): Promise<Vm> {
  if (wanted.uuid !== uuid) throw refusal('VM_UUID_DIFFERS', { detail: wanted.uuid });
  requireSound(wanted);
  const vm = whatItSays(wanted);
  const now = verifier.clock.now();
  try {
    await byQuorum(verifier, async (on) => {
      await requireNoCarrier(on, vm);
      // Hosts before VMs, as whoever permits takes them.
      await lockHostsOfVm(on, uuid);
      const before = await lockVm(on, uuid);
      if (before === null) throw refusal('VM_UNKNOWN', { detail: uuid });
      if (isDeepStrictEqual(before, vm)) return null;
      const loosenings = looseningsOf(before, vm);
      const detail = loosenings.join(', ') || 'tightened';
      if (loosenings.length > 0) {
        requireApprover(by);
        const loosening = { action: 'vm.change', subject: before.name, detail };
        const content = { before, after: vm };
        const waiting = await takeQuorum(on, by, { ...loosening, content }, now);
        if (waiting !== null) return waiting;
      }
      await updateVm(on, vm);
      const line = { actor: auditActor(by), action: 'vm.change', subject: uuid };
      await appendAudit(on, { ...line, detail: `${before.name}: ${detail}` }, now);
      return null;
    });
  } catch (error) {
    if (isUniqueViolation(error)) throw refusal('VM_EXISTS', { detail: vm.name, cause: error });
    throw error;
  }
  return viewVm(verifier, uuid);
}

/**
 * By the quorum: a VM that is not registered starts nowhere, but it could be registered anew, with less asked of it.
 * @throws AppError VM_UNKNOWN, VM_HAS_DISK_KEYS, QUORUM_WAITING
 */
export async function removeVm(verifier: Verifier, by: ApiToken, uuid: string): Promise<Vm> {
  const now = verifier.clock.now();
  let removed: Vm | undefined;
  await byQuorum(verifier, async (on) => {
    await lockHostsOfVm(on, uuid);
    const before = await lockVm(on, uuid);
    if (before === null) throw refusal('VM_UNKNOWN', { detail: uuid });
    const keys = await listDiskKeys(on, uuid);
    if (keys.length > 0) {
      const disks = keys.map(({ disk }) => disk).join(', ');
      throw refusal('VM_HAS_DISK_KEYS', { detail: `${before.name}: ${disks}` });
    }
    const loosening = { action: 'vm.remove', subject: before.name, detail: uuid };
    const waiting = await takeQuorum(on, by, { ...loosening, content: { before } }, now);
    if (waiting !== null) return waiting;
    await deleteVm(on, uuid);
    const line = { actor: auditActor(by), action: 'vm.remove', subject: uuid, detail: before.name };
    await appendAudit(on, line, now);
    removed = before;
    return null;
  });
  if (removed === undefined) throw refusal('VM_UNKNOWN', { detail: uuid });
  return removed;
}
