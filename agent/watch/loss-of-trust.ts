import process from 'node:process';
import type { OrdersClaims } from '@touchstone/schemas';
import type { Logger } from 'pino';
import { bootMs } from '../gate/boot-time.ts';
import { detailOf } from '../codes.ts';
import type { Libvirt } from '../libvirt/libvirt.ts';
import type { FoundExposure } from './exposures.ts';
import type { SeenVm } from './judge.ts';
import { type ProcessId, processOf, sameProcess } from './processes.ts';
import type { DoneByOrder, KeptRecord } from './record.ts';

export type LossOptions = {
  readonly record: KeptRecord;
  readonly libvirt: Pick<Libvirt, 'suspend' | 'shutdown' | 'destroy'>;
  /** proc(5). */
  readonly processes: string;
  /** From the request to shut down to the end. */
  readonly shutdownSeconds: number;
  readonly log: Logger;
};

/** Each waits for libvirt. */
const AT_ONCE = 8;

/** Trust that is lost. Silence is none of them: a server that is away stops no VM. */
const LOST: ReadonlySet<string> = new Set(['untrusted', 'revoked']);

/**
 * Does to each VM that runs here what the server ordered when this host lost its trust: once for each order and run of
 * the VM, and again only where it failed. `orders` were verified and are the newest. Nothing is undone by itself when
 * trust is back: a person resumes. Gives what failed.
 */
export async function carryOut(
  orders: OrdersClaims | null,
  vms: readonly SeenVm[],
  options: LossOptions,
): Promise<readonly FoundExposure[]> {
  if (orders === null) return [];
  if (!LOST.has(orders['touchstone.state'])) {
    if (options.record.current.orders.length > 0) await options.record.change({ orders: [] });
    return [];
  }
  const sequence = orders['touchstone.sequence'];
  const due = orders['touchstone.vms'].flatMap(({ vm, action }) =>
    action === 'pause' || action === 'shutdown'
      ? vms
          .filter((each) => each.vm === vm)
          .map((running) => ({
            order: { sequence, vm, action, startTicks: running.startTicks },
            running,
          }))
      : [],
  );
  const failed: FoundExposure[] = [];
  for (let at = 0; at < due.length; at += AT_ONCE) {
    const done = due.slice(at, at + AT_ONCE).map((each) => obey(each, options));
    failed.push(...(await Promise.all(done)).flatMap((failure) => failure ?? []));
  }
  return failed;
}

/** Null where there is nothing to complain of. */
async function obey(
  { order, running }: { readonly order: Order; readonly running: SeenVm },
  options: LossOptions,
): Promise<FoundExposure | null> {
  const { vm, action } = order;
  try {
    await (action === 'pause' ? pause : shutDown)(order, running, options);
    return null;
  } catch (error) {
    options.log.error({ err: error, ...order }, 'trust is lost, and this VM runs on');
    const subject = `VM ${running.name}: ${action}`;
    return { code: 'LOSS_ACTION_FAILED', subject, detail: detailOf(error), vm };
  }
}

type Order = Omit<DoneByOrder, 'endAtBootMs'>;

async function pause(order: Order, vm: SeenVm, options: LossOptions): Promise<void> {
  const done = doneBefore(order, options.record);
  if (done?.sequence === order.sequence) return;
  if (!vm.paused) {
    if (vm.door === 'libvirt') await options.libvirt.suspend(order.vm);
    else signalAll(vm.processes, 'SIGSTOP', options.processes);
    options.log.warn(order, 'trust is lost: the VM is paused, and resumed by nobody but a person');
  }
  await note({ ...order, endAtBootMs: null }, options.record);
}

async function shutDown(order: Order, vm: SeenVm, options: LossOptions): Promise<void> {
  const { record, libvirt, processes, shutdownSeconds, log } = options;
  const done = doneBefore(order, record);
  const byLibvirt = vm.door === 'libvirt';
  if (done === undefined) {
    // Written first: a request that fails, or an agent that is killed now, puts the end off no further.
    await note({ ...order, endAtBootMs: bootMs() + shutdownSeconds * 1_000 }, record);
    log.warn({ ...order, shutdownSeconds }, 'trust is lost: the VM is asked to shut down');
    if (byLibvirt) await libvirt.shutdown(order.vm);
    else signalAll(vm.processes, 'SIGTERM', processes);
    return;
  }
  if (done.endAtBootMs === null || bootMs() < done.endAtBootMs) return;
  log.warn(order, 'trust is lost: the VM did not shut down and is ended');
  if (byLibvirt) await libvirt.destroy(order.vm);
  else signalAll(vm.processes, 'SIGKILL', processes);
}

const isSameRun = (a: Order, b: Order): boolean =>
  a.vm === b.vm && a.startTicks === b.startTicks && a.action === b.action;

const doneBefore = (order: Order, record: KeptRecord): DoneByOrder | undefined =>
  record.current.orders.find((done) => isSameRun(done, order));

const note = (done: DoneByOrder, record: KeptRecord): Promise<void> => {
  const others = record.current.orders.filter(
    (each) => each.vm !== done.vm || each.startTicks !== done.startTicks,
  );
  return record.change({ orders: [...others, done].slice(-4_096) });
};

/** Only while it is the process that was seen. @throws what kill(2) does */
function signalAll(targets: readonly ProcessId[], signal: NodeJS.Signals, processes: string): void {
  for (const target of targets) {
    const now = processOf(processes, target.pid);
    if (now !== null && sameProcess(now, target)) process.kill(target.pid, signal);
  }
}
