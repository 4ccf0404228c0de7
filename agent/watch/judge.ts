import type { Door, RunningVm } from '@touchstone/schemas';
import type { RunningDomain } from './domains.ts';
import { cleaned, type FoundExposure } from './exposures.ts';
import { type KnownStart, startOfCommand, startOfDomain } from './known-starts.ts';
import { type Hypervisor, type ProcessId, sameProcess, msOfTicks } from './processes.ts';

/** What one look at the host found. */
export type Look = {
  readonly bootMs: number;
  /** Younger processes that no door knows are not called anything yet. */
  readonly settlingMs: number;
  readonly hypervisors: readonly Hypervisor[];
  readonly domains: readonly RunningDomain[];
  /** Now, after the starts that are known were read: processes end, and their starts are forgotten, while a look goes on. */
  readonly isAlive: (process: ProcessId) => boolean;
  /** The processes above one, nearest first. */
  readonly ancestorsOf: (process: Hypervisor) => readonly ProcessId[];
  /** What runs in place of a `run` that is no hypervisor by its name: a script, a program of another name. */
  readonly askers: readonly (ProcessId & { readonly stopped: boolean })[];
};

/** A VM that runs. `processes` are what a signal goes to, where no libvirt is asked. */
export type SeenVm = {
  readonly vm: string | null;
  readonly name: string;
  readonly door: Door | null;
  readonly start: KnownStart | null;
  readonly paused: boolean;
  readonly processes: readonly ProcessId[];
  readonly startTicks: number;
};

export type Judged = {
  readonly vms: readonly SeenVm[];
  readonly exposures: readonly FoundExposure[];
  /** Starts whose process is known from now on. */
  readonly begun: ReadonlyMap<KnownStart, ProcessId>;
  /** Something is too young to be called anything: to be looked at again soon. */
  readonly unsettled: boolean;
};

/** Every VM that runs, by what ground, and what of it has none. Nothing that the gate permitted is an exposure. */
export function judge(look: Look, known: readonly KnownStart[]): Judged {
  const vms: SeenVm[] = [];
  const exposures: FoundExposure[] = [];
  const begun = new Map<KnownStart, ProcessId>();
  const processOf = (start: KnownStart) => begun.get(start) ?? start.process;
  let unsettled = false;
  const ofDomains = new Set<Hypervisor>();
  for (const domain of look.domains) {
    const process = look.hypervisors.find(({ pid }) => pid === domain.pid);
    // What libvirtd wrote down before it was killed, and the process after it, may be gone.
    if (process === undefined) continue;
    ofDomains.add(process);
    const { uuid: vm, name, paused } = domain;
    const start = startOfDomain(known, processOf, { vm, process }) ?? null;
    if (start === null && !look.isAlive(process)) continue;
    if (start === null) exposures.push(withoutPermit(domain));
    else begun.set(start, process);
    vms.push({ ...seen(process), vm, name, door: 'libvirt', start, paused });
  }
  const ofCommands = new Map<KnownStart, Hypervisor[]>();
  for (const process of look.hypervisors) {
    if (ofDomains.has(process)) continue;
    const ancestors = look.ancestorsOf(process);
    const start = startOfCommand(known, processOf, { process, ancestors });
    if (start !== undefined) {
      if (processOf(start) === null) begun.set(start, process);
      ofCommands.set(start, [...(ofCommands.get(start) ?? []), process]);
    } else if (look.bootMs - msOfTicks(process.startTicks) < look.settlingMs) {
      unsettled = true;
    } else if (look.isAlive(process)) {
      exposures.push(byHand(process));
      const name = process.claimedName ?? process.program;
      vms.push({ ...seen(process), vm: null, name, door: null, start: null });
    }
  }
  for (const start of known) {
    const processes: readonly (ProcessId & { readonly stopped: boolean })[] =
      ofCommands.get(start) ?? look.askers.filter((each) => sameProcess(start.asker, each));
    const [first] = processes;
    if (start.door === 'libvirt' || first === undefined) continue;
    const paused = processes.every(({ stopped }) => stopped);
    const { vm, door } = start;
    vms.push({
      vm,
      name: start.name ?? vm,
      door,
      start,
      paused,
      processes,
      startTicks: first.startTicks,
    });
  }
  return { vms, exposures, begun, unsettled };
}

const seen = (process: Hypervisor) => ({
  paused: process.stopped,
  processes: [process],
  startTicks: process.startTicks,
});

const withoutPermit = ({ uuid, name, pid }: RunningDomain): FoundExposure => ({
  code: 'VM_WITHOUT_PERMIT',
  subject: `VM ${name}, by libvirt`,
  detail: `Process ${pid} runs it, and no permit of this boot is known here for this run.`,
  vm: uuid,
});

function byHand({ program, pid, claimedName, claimedUuid }: Hypervisor): FoundExposure {
  const name = claimedName === null ? 'no name' : `the name ${cleaned(claimedName, 64)}`;
  const uuid = claimedUuid === null ? 'no UUID' : `the UUID ${cleaned(claimedUuid, 64)}`;
  return {
    code: 'QEMU_BY_HAND',
    subject: `${program}, process ${pid}`,
    detail: `It gives itself ${name} and ${uuid}; no door of the gate started it.`,
    vm: null,
  };
}

/** For the report. `sinceOf` by the process that runs it. */
export const runningVm = (
  { vm, name, door, start, paused, startTicks }: SeenVm,
  sinceOf: (startTicks: number) => string,
): RunningVm => ({
  vm,
  name: cleaned(name, 128),
  door,
  permit: start?.permit ?? null,
  paused,
  since: sinceOf(startTicks),
});
