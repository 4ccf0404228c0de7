import { isDeepStrictEqual } from 'node:util';
import type { Vm, VmStarts } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { insertVm, startsOfVm, vmByUuid } from '../store/vms.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** The same record again is no error; another one under its uuid or name is. @throws AppError VM_EXISTS */
export async function registerVm(verifier: Verifier, by: Actor, vm: Vm): Promise<Vm> {
  const now = verifier.clock.now();
  return verifier.database.transaction(async (on) => {
    const inserted = await insertVm(on, vm);
    const stored = await vmByUuid(on, vm.uuid);
    if (stored === null || !isDeepStrictEqual(stored, vm)) throw refusal('VM_EXISTS');
    if (inserted) {
      const detail = `${vm.name}: classes ${vm.classes.join(', ')}`;
      const line = { actor: auditActor(by), action: 'vm.add', subject: vm.uuid, detail };
      await appendAudit(on, line, now);
    }
    return stored;
  });
}

/** @throws AppError VM_UNKNOWN */
export async function viewVm({ database }: Verifier, uuid: string): Promise<Vm> {
  const vm = await vmByUuid(database, uuid);
  if (vm === null) throw refusal('VM_UNKNOWN', { detail: uuid });
  return vm;
}

export async function viewStarts(verifier: Verifier, uuid: string): Promise<VmStarts> {
  const vm = await viewVm(verifier, uuid);
  return { vm, starts: await startsOfVm(verifier.database, uuid) };
}
