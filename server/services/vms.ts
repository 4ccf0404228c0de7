import { isDeepStrictEqual } from 'node:util';
import { Uuid, type Vm, type VmStarts } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { carriersAmong } from '../store/carriers.ts';
import type { Queryable } from '../store/database.ts';
import type { PageAfter } from '../store/page.ts';
import { type StartPosition, startsOfVm } from '../store/starts.ts';
import { insertVm, vmByUuid } from '../store/vms.ts';
import { EpochMs, keyOfColumns, type Page, pageOf } from './paging.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/**
 * The same record again is no error; another one under its uuid or name is.
 * @throws AppError VM_EXISTS, VM_SEALED_REFUSES, VM_DISK_TWICE, VM_CARRIES_TOUCHSTONE
 */
export async function registerVm(verifier: Verifier, by: Actor, vm: Vm): Promise<Vm> {
  requireSound(vm);
  const now = verifier.clock.now();
  return verifier.database.transaction(async (on) => {
    await requireNoCarrier(on, vm);
    const inserted = await insertVm(on, vm);
    const stored = await vmByUuid(on, vm.uuid);
    if (stored === null || !isDeepStrictEqual(stored, whatItSays(vm))) throw refusal('VM_EXISTS');
    if (inserted) {
      const detail = `${vm.name}: classes ${vm.classes.join(', ')}, ${vm.warnings ?? 'accept'} warnings`;
      const line = { actor: auditActor(by), action: 'vm.add', subject: vm.uuid, detail };
      await appendAudit(on, line, now);
    }
    return stored;
  });
}

export function requireSound({ name, disks = [], failMode }: Vm): void {
  const twice = disks.find((one, at) =>
    disks.some((other, to) => to > at && other.name === one.name),
  );
  if (twice !== undefined) throw refusal('VM_DISK_TWICE', { detail: `${name}: ${twice.name}` });
  const sealed = disks.find(({ kind }) => kind === 'sealed');
  if (sealed !== undefined && failMode !== undefined && failMode.mode !== 'refuse') {
    throw refusal('VM_SEALED_REFUSES', { detail: `${name}: ${sealed.name} is sealed` });
  }
}

/** A server cannot permit its own start. */
export async function requireNoCarrier(on: Queryable, { uuid, name }: Vm): Promise<void> {
  const carriers = await carriersAmong(on, [uuid]);
  if (carriers.size > 0) throw refusal('VM_CARRIES_TOUCHSTONE', { detail: `${name}: ${uuid}` });
}

/** What is so anyway is not said. */
export function whatItSays({ warnings, failMode, onLoss, ...vm }: Vm): Vm {
  return {
    ...vm,
    ...(warnings === 'refuse' ? { warnings } : {}),
    ...(failMode === undefined || failMode.mode === 'refuse' ? {} : { failMode }),
    ...(onLoss === undefined || onLoss === 'flag' ? {} : { onLoss }),
  };
}

/** @throws AppError VM_UNKNOWN */
export async function viewVm({ database }: Verifier, uuid: string): Promise<Vm> {
  const vm = await vmByUuid(database, uuid);
  if (vm === null) throw refusal('VM_UNKNOWN', { detail: uuid });
  return vm;
}

export async function viewStarts(verifier: Verifier, uuid: string, page: Page): Promise<VmStarts> {
  const vm = await viewVm(verifier, uuid);
  const { rows: starts, next } = await pageOf(page, {
    key: keyOfColumns(EpochMs, Uuid, Uuid),
    load: (after: PageAfter<StartPosition>) => startsOfVm(verifier.database, uuid, after),
    keyOf: ({ at, hostId, requestId }): StartPosition => [Date.parse(at), hostId, requestId],
  });
  return { vm, starts, ...next };
}
