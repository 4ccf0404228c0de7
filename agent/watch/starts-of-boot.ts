import type { DiskName, Door } from '@touchstone/schemas';
import { bootMs } from '../gate/boot-time.ts';
import { cleaned } from './exposures.ts';
import type { Judged } from './judge.ts';
import { type KnownStart, startsToKeep, withoutReleased } from './known-starts.ts';
import {
  commandDigest,
  commandOf,
  isAlive,
  type ProcessId,
  processOf,
  sameProcess,
  shownCommand,
} from './processes.ts';
import { type KeptRecord, withVm } from './record.ts';

/** A start that the gate permitted. `pid`, `command` and `sealed` disks: of who asked, at the doors that have them. */
export type PermittedStart = {
  readonly vm: string;
  readonly name: string | null;
  readonly door: Door;
  readonly permit: string;
  readonly requestId: string;
  readonly pid?: number | undefined;
  readonly command?: readonly string[] | undefined;
  readonly sealed?: readonly DiskName[] | undefined;
};

/**
 * What became of the starts of this boot: permitted or refused at a door, heard of by libvirt's hook, seen to run. Each is
 * in the record's file before the answer goes to who asked.
 */
export class StartsOfBoot {
  readonly #record: KeptRecord;
  readonly #processes: string;

  /** `processes`: proc(5). */
  constructor(record: KeptRecord, processes: string) {
    this.#record = record;
    this.#processes = processes;
  }

  /** Those that explain something that runs, or may come to. */
  get known(): readonly KnownStart[] {
    return this.#record.current.starts;
  }

  /** When libvirt's hook was called last. */
  get hookHeardAtBootMs(): number | null {
    return this.#record.current.hookHeardAtBootMs;
  }

  isUnseen(requestId: string): boolean {
    return this.known.some((start) => start.requestId === requestId && start.process === null);
  }

  async permitted(start: PermittedStart): Promise<void> {
    const { vm, name, door, permit, requestId, pid, command, sealed } = start;
    const known = {
      ...{ vm, door, permit, requestId },
      name: name === null ? null : cleaned(name, 128),
      atBootMs: bootMs(),
      asker: pid === undefined ? null : this.#asker(pid, vm),
      commandSha256: command === undefined ? null : commandDigest(shownCommand(command)),
      ...(sealed === undefined ? {} : { sealed: [...sealed] }),
      process: null,
    };
    const starts = this.#toKeep([...this.known, known]);
    const heard = door === 'libvirt' ? { hookHeardAtBootMs: bootMs() } : {};
    await this.#record.change({ starts, ...heard });
  }

  /**
   * By libvirt's door, also after its permit, which explains no process then. The agent starts it later, if it is to start
   * with the host.
   */
  async refused(vm: string): Promise<void> {
    const refused = withVm(this.#record.current.refused, vm);
    const starts = withoutReleased(this.known, vm);
    await this.#record.change({ refused, starts, hookHeardAtBootMs: bootMs() });
  }

  /** libvirt's hook was called, for this VM. */
  async heard(verb: string, vm: string): Promise<void> {
    const { ran, starts } = this.#record.current;
    const runs = verb === 'started begin' || verb === 'reconnect begin';
    await this.#record.change({
      hookHeardAtBootMs: bootMs(),
      ...(runs && !ran.includes(vm) ? { ran: withVm(ran, vm) } : {}),
      ...(verb === 'release end' ? { starts: withoutReleased(starts, vm) } : {}),
    });
  }

  /** By a look: starts whose process is known from now on, and VMs that run. */
  async seen({ begun, vms }: Pick<Judged, 'begun' | 'vms'>): Promise<void> {
    const { starts: known, ran: ranBefore } = this.#record.current;
    const starts = this.#toKeep(
      known.map((start) => {
        const process = begun.get(start);
        if (process === undefined || sameProcess(start.process, process)) return start;
        const { pid, startTicks } = process;
        return { ...start, process: { pid, startTicks } };
      }),
    );
    const before = new Set(ranBefore);
    const newly = vms.flatMap(({ vm }) => (vm === null || before.has(vm) ? [] : [vm]));
    const same = starts.length === known.length && starts.every((start, at) => start === known[at]);
    if (same && newly.length === 0) return;
    await this.#record.change({ starts, ran: newly.reduce(withVm, [...ranBefore]) });
  }

  #toKeep(starts: readonly KnownStart[]): KnownStart[] {
    return [...startsToKeep(starts, (process) => isAlive(this.#processes, process), bootMs())];
  }

  /** Of who says that he asks for that VM: a pid of another namespace would be somebody else. */
  #asker(pid: number, vm: string): ProcessId | null {
    const process = processOf(this.#processes, pid);
    const words = commandOf(this.#processes, pid).map((word) => word.toLowerCase());
    if (process === null || !words.some((word) => word.includes(vm))) return null;
    return { pid, startTicks: process.startTicks };
  }
}
