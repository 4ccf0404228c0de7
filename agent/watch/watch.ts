import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type {
  DecidedAlone,
  DiskName,
  Door,
  GateReport,
  GateStanding,
  ReportedExposure,
} from '@touchstone/schemas';
import type { Logger } from 'pino';
import { bootMs } from '../gate/boot-time.ts';
import { Bell } from '../bell.ts';
import type { BroughtHook } from '../libvirt/hook.ts';
import { RunningDomains } from './domains.ts';
import { cleaned, Exposures, type FoundExposure } from './exposures.ts';
import { hookExposures, rootOf } from './hook.ts';
import { judge, runningVm, type SeenVm } from './judge.ts';
import { startsToKeep, withoutReleased } from './known-starts.ts';
import {
  ancestorsOf,
  commandDigest,
  commandOf,
  type LibvirtDaemon,
  processOf,
  readProcesses,
  sameProcess,
  shownCommand,
  msOfTicks,
} from './processes.ts';
import { type KeptRecord, withVm } from './record.ts';
import { fittingReport } from './report.ts';
import type { WatchRoots } from './settings.ts';

const LOOK_MS = 15_000;
/** Between one look and another that something new asks for. */
const SOONEST_MS = 1_000;
/** libvirtd runs QEMU for a moment to learn what it can, and writes down a domain after it has begun. */
const SETTLING_AGE_MS = 10_000;
/** After what is not to be called anything yet. */
const SETTLING_LOOK_MS = 5_000;
/** Of looks, one that also looks who has the processor's help for VMs open. */
const DEEP_EVERY = 3;

/** Of times that were said. */
const MAX_SAID = 4_096;

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

export type WatchOptions = {
  readonly roots: WatchRoots;
  readonly record: KeptRecord;
  readonly brought: BroughtHook;
  readonly log: Logger;
  /** Younger processes that no door knows are not called anything yet. */
  readonly settlingMs?: number;
  /** There is something new to report. */
  readonly onNews: () => void;
};

/** What runs on this host beside the gate and by it, looked at again and again. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #domains = new RunningDomains();
  readonly #exposures = new Exposures();
  readonly #bell = new Bell();
  /** Found by others, as long as they say so. */
  readonly #others = new Map<string, readonly FoundExposure[]>();
  readonly #since = new Map<number, string>();
  #vms: readonly SeenVm[] = [];
  #found: readonly FoundExposure[] = [];
  #withKvm: readonly number[] = [];
  #hasDoor = false;
  #looks = 0;
  #nextLookMs = LOOK_MS;
  #looking: Promise<void> | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** The VMs that run, as of the last look. */
  get vms(): readonly SeenVm[] {
    return this.#vms;
  }

  /** Before the answer goes to who asked: what is not kept here would be an exposure when the agent is restarted. */
  async permitted(start: PermittedStart): Promise<void> {
    const { record } = this.#options;
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
    const isAlive = this.#isAlive;
    const kept = startsToKeep([...record.current.starts, known], isAlive, bootMs());
    const heard = door === 'libvirt' ? { hookHeardAtBootMs: bootMs() } : {};
    await record.change({ starts: [...kept], ...heard });
    // libvirt tells when its VM runs.
    if (door !== 'libvirt') this.#bell.ring();
  }

  /**
   * By libvirt's door, also after its permit, which explains no process then. The agent starts it later, if it is to start
   * with the host.
   */
  async refused(vm: string): Promise<void> {
    const { record } = this.#options;
    const refused = withVm(record.current.refused, vm);
    const starts = withoutReleased(record.current.starts, vm);
    await record.change({ refused, starts, hookHeardAtBootMs: bootMs() });
  }

  /** libvirt's hook was called, for this VM. */
  async heard(verb: string, vm: string): Promise<void> {
    const { record } = this.#options;
    const { ran, starts } = record.current;
    const runs = verb === 'started begin' || verb === 'reconnect begin';
    await record.change({
      hookHeardAtBootMs: bootMs(),
      ...(runs && !ran.includes(vm) ? { ran: withVm(ran, vm) } : {}),
      ...(verb === 'release end' ? { starts: withoutReleased(starts, vm) } : {}),
    });
    if (/^(started|stopped|release|reconnect) /u.test(verb)) this.#bell.ring();
  }

  /** What somebody else found takes the place of what he found before. */
  tell(who: string, exposures: readonly FoundExposure[]): void {
    if (exposures.length === 0 && !this.#others.has(who)) return;
    this.#others.set(who, exposures);
    this.#publish();
  }

  /** Before its time. */
  soon(): void {
    this.#bell.ring();
  }

  /** One look, and of several who ask at once only one. Does not throw. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'what runs on this host could not be looked at');
        const detail = error instanceof Error ? error.message : 'unknown';
        const blind = { code: 'WATCH_BLIND', subject: 'this host', detail, vm: null } as const;
        this.#found = [...this.#found.filter(({ code }) => code !== 'WATCH_BLIND'), blind];
        this.#publish();
        return false;
      })
      .then((unsettled) => {
        this.#looking = null;
        this.#nextLookMs = unsettled ? SETTLING_LOOK_MS : LOOK_MS;
      });
    return this.#looking;
  }

  /** Again and again; `afterwards` each time. */
  async until(stop: AbortSignal, afterwards: () => Promise<void>): Promise<void> {
    while (!stop.aborted) {
      await this.look();
      await afterwards();
      await this.#bell.wait({ atLeastMs: SOONEST_MS, atMostMs: this.#nextLookMs }, stop);
    }
  }

  /** For a statement. None where there is no door of the gate and no VM. */
  report(decided: readonly DecidedAlone[]): GateReport | undefined {
    const exposures = this.#exposures.all;
    const vms = this.#vms.length + exposures.length + decided.length;
    if (!this.#hasDoor && vms === 0) return undefined;
    const now = { wallMs: Date.now(), bootMs: bootMs() };
    const sinceOf = (ticks: number) => this.#sinceOf(ticks, now);
    const running = this.#vms
      .map((vm) => runningVm(vm, sinceOf))
      .toSorted((a, b) => compare(a.vm ?? '', b.vm ?? '') || compare(a.name, b.name));
    return fittingReport({ running, exposures, decided });
  }

  /** The same for a person, with what is held for when the server is away. */
  standing(held: {
    readonly licences: number;
    readonly observesUntil: Date | null;
  }): GateStanding | undefined {
    const report = this.report([]);
    if (report === undefined) return undefined;
    const { running, exposures, omitted } = report;
    const observesUntil = held.observesUntil?.toISOString() ?? null;
    return { running, exposures, omitted, licences: held.licences, observesUntil };
  }

  async #look(): Promise<boolean> {
    const { roots, record, brought } = this.#options;
    const deep = (this.#looks += 1) % DEEP_EVERY === 1;
    const before = new Set(this.#withKvm);
    const looksInto = (pid: number) => deep || before.has(pid);
    const { kvm, processes } = roots;
    const { hypervisors, daemons } = await readProcesses(processes, { kvm, looksInto });
    this.#withKvm = hypervisors.map(({ pid }) => pid);
    const domains = this.#domains.read(domainDirectories(roots, daemons));
    const known = record.current.starts;
    const askers = known.flatMap(({ asker }) => {
      const process = asker === null ? null : processOf(processes, asker.pid);
      return process !== null && sameProcess(asker, process) ? [process] : [];
    });
    const now = { wallMs: Date.now(), bootMs: bootMs() };
    const { settlingMs = SETTLING_AGE_MS } = this.#options;
    const judged = judge(
      {
        ...{ bootMs: now.bootMs, settlingMs, hypervisors, domains, askers },
        isAlive: this.#isAlive,
        ancestorsOf: (process) => ancestorsOf(processes, process),
      },
      known,
    );
    const heardAt = record.current.hookHeardAtBootMs;
    const heard = heardAt === null ? null : { atBootMs: heardAt };
    const hooks = hookExposures({ roots, brought, daemons, heard, now });
    this.#hasDoor =
      known.length > 0 ||
      daemons.length > 0 ||
      existsSync(join(roots.libvirtConfiguration, 'qemu.conf'));
    this.#vms = judged.vms;
    this.#found = [...hooks, ...judged.exposures];
    this.#publish();
    await this.#remember(judged);
    return judged.unsettled;
  }

  async #remember({ begun, vms }: ReturnType<typeof judge>): Promise<void> {
    const { record } = this.#options;
    const { starts: known, ran: ranBefore } = record.current;
    const starts = startsToKeep(
      known.map((start) => {
        const process = begun.get(start);
        if (process === undefined || sameProcess(start.process, process)) return start;
        const { pid, startTicks } = process;
        return { ...start, process: { pid, startTicks } };
      }),
      this.#isAlive,
      bootMs(),
    );
    const before = new Set(ranBefore);
    const newly = vms.flatMap(({ vm }) => (vm === null || before.has(vm) ? [] : [vm]));
    const same = starts.length === known.length && starts.every((start, at) => start === known[at]);
    if (same && newly.length === 0) return;
    await record.change({ starts: [...starts], ran: newly.reduce(withVm, [...ranBefore]) });
  }

  #publish(): void {
    const found = [...this.#found, ...[...this.#others.values()].flat()];
    const news = this.#exposures.replace(found, new Date().toISOString());
    for (const exposure of news) this.#options.log.warn(exposure, 'something went round the gate');
    if (news.length > 0) this.#options.onNews();
  }

  get exposures(): readonly ReportedExposure[] {
    return this.#exposures.all;
  }

  /** Of who says that he asks for that VM: a pid of another namespace would be somebody else. */
  #asker(pid: number, vm: string): { pid: number; startTicks: number } | null {
    const { processes } = this.#options.roots;
    const process = processOf(processes, pid);
    const words = commandOf(processes, pid).map((word) => word.toLowerCase());
    if (process === null || !words.some((word) => word.includes(vm))) return null;
    return { pid, startTicks: process.startTicks };
  }

  readonly #isAlive = (process: { pid: number; startTicks: number }): boolean => {
    const now = processOf(this.#options.roots.processes, process.pid);
    return now !== null && sameProcess(now, process);
  };

  /** To the second, and once it was said the same for ever: by clocks that people set it would move. */
  #sinceOf(ticks: number, now: { readonly wallMs: number; readonly bootMs: number }): string {
    const said = this.#since.get(ticks);
    if (said !== undefined) return said;
    if (this.#since.size === MAX_SAID) this.#since.clear();
    const ms = now.wallMs - (now.bootMs - msOfTicks(ticks));
    const since = new Date(Math.round(ms / 1_000) * 1_000).toISOString();
    this.#since.set(ticks, since);
    return since;
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** As each libvirtd sees them, and as the next would. */
const domainDirectories = (roots: WatchRoots, daemons: readonly LibvirtDaemon[]): string[] =>
  ['/', ...daemons.map((daemon) => rootOf(roots, daemon))].map((root) =>
    join(root, roots.libvirtState, 'qemu'),
  );
