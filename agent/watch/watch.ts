import type { DecidedAlone, GateReport, GateStanding, ReportedExposure } from '@touchstone/schemas';
import type { Logger } from 'pino';
import { Bell } from '../bell.ts';
import { Exposures, type FoundExposure } from './exposures.ts';
import type { SeenVm } from './judge.ts';
import { type LookParts, Looks } from './look.ts';
import type { KeptRecord } from './record.ts';
import { gateReport } from './report.ts';
import { SaidTimes } from './said-times.ts';
import { type PermittedStart, StartsOfBoot } from './starts-of-boot.ts';

const LOOK_MS = 15_000;
/** Between one look and another that something new asks for. */
const SOONEST_MS = 1_000;
/** After what is not to be called anything yet. */
const SETTLING_LOOK_MS = 5_000;

export type WatchOptions = Omit<LookParts, 'starts'> & {
  readonly record: KeptRecord;
  readonly log: Logger;
  /** There is something new to report. */
  readonly onNews: () => void;
};

/** What runs on this host beside the gate and by it, looked at again and again. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #starts: StartsOfBoot;
  readonly #looks: Looks;
  readonly #exposures = new Exposures();
  readonly #times = new SaidTimes();
  readonly #bell = new Bell();
  #vms: readonly SeenVm[] = [];
  #found: readonly FoundExposure[] = [];
  #hasDoor = false;
  #nextLookMs = LOOK_MS;
  #looking: Promise<void> | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#starts = new StartsOfBoot(options.record, options.roots.processes);
    this.#looks = new Looks({ ...options, starts: this.#starts });
  }

  /** The VMs that run, as of the last look. */
  get vms(): readonly SeenVm[] {
    return this.#vms;
  }

  get exposures(): readonly ReportedExposure[] {
    return this.#exposures.all;
  }

  /** Before the answer goes to who asked: what is not kept here would be an exposure when the agent is restarted. */
  async permitted(start: PermittedStart): Promise<void> {
    await this.#starts.permitted(start);
    // libvirt tells when its VM runs.
    if (start.door !== 'libvirt') this.#bell.ring();
  }

  /** By libvirt's door, also after its permit. */
  refused(vm: string): Promise<void> {
    return this.#starts.refused(vm);
  }

  /** Whether this start is known still, and no look has found a process of it. */
  isUnseen(requestId: string): boolean {
    return this.#starts.isUnseen(requestId);
  }

  /** libvirt's hook was called, for this VM. */
  async heard(verb: string, vm: string): Promise<void> {
    await this.#starts.heard(verb, vm);
    if (/^(started|stopped|release|reconnect) /u.test(verb)) this.#bell.ring();
  }

  /** What somebody found takes the place of what he found before. */
  tell(who: string, exposures: readonly FoundExposure[]): void {
    const news = this.#exposures.tell(who, exposures, new Date().toISOString());
    for (const exposure of news) this.#options.log.warn(exposure, 'something went round the gate');
    if (news.length > 0) this.#options.onNews();
  }

  /** Before its time. */
  soon(): void {
    this.#bell.ring();
  }

  /** One look, and of several who ask at once only one. Does not throw. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        this.#blind(error);
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
    const any = this.#vms.length + exposures.length + decided.length > 0;
    if (!this.#hasDoor && !any) return undefined;
    const sinceOf = (startTicks: number) => this.#times.sinceOf(startTicks);
    return gateReport({ vms: this.#vms, exposures, decided }, sinceOf);
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

  /** Gives whether something is too young to be called anything: to be looked at again soon. */
  async #look(): Promise<boolean> {
    const seen = await this.#looks.look();
    this.#hasDoor = seen.hasDoor;
    this.#vms = seen.vms;
    this.#found = seen.exposures;
    this.tell('look', seen.exposures);
    await this.#starts.seen(seen);
    return seen.unsettled;
  }

  /** What was found before stays, for all that is known. */
  #blind(error: unknown): void {
    this.#options.log.error({ err: error }, 'what runs on this host could not be looked at');
    const detail = error instanceof Error ? error.message : 'unknown';
    const blind = { code: 'WATCH_BLIND', subject: 'this host', detail, vm: null } as const;
    this.#found = [...this.#found.filter(({ code }) => code !== 'WATCH_BLIND'), blind];
    this.tell('look', this.#found);
  }
}
