import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { bootMs } from '../gate/boot-time.ts';
import { type AutostartDomain, autostartDomains } from './domains.ts';
import { type KeptRecord, withVm } from './record.ts';
import type { WatchRoots } from './settings.ts';

/** At once: each waits for libvirtd, which starts one after the other, and the gate puts their questions together. */
const AT_ONCE = 8;
const FIRST_WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 900_000;

export type AutostartOptions = {
  readonly roots: WatchRoots;
  readonly record: KeptRecord;
  readonly start: (uuid: string) => Promise<void>;
  /** Whether a start could be permitted now: the newest verdict is good, or starts are observed alone. */
  readonly isReady: () => Promise<boolean>;
  readonly log: Logger;
};

type Tried = { readonly failures: number; readonly atBootMs: number };

/**
 * Starts the domains that are to start with the host and that libvirtd could not start, since this host had proved
 * nothing yet: libvirtd tries once in a boot. Each only until it ran: what a person stopped stays stopped.
 */
export class Autostart {
  readonly #options: AutostartOptions;
  readonly #tried = new Map<string, Tried>();
  #going: Promise<void> = Promise.resolve();
  #isGoing = false;

  constructor(options: AutostartOptions) {
    this.#options = options;
  }

  /** Does not wait for them, and does not throw. `running`: by UUID. */
  next(running: ReadonlySet<string>): void {
    if (this.#isGoing) return;
    this.#isGoing = true;
    this.#going = this.#go(running)
      .catch((err: unknown) => this.#options.log.warn({ err }, 'autostart is not looked after'))
      .finally(() => {
        this.#isGoing = false;
      });
  }

  /** What was begun is over. */
  settled(): Promise<void> {
    return this.#going;
  }

  async #go(running: ReadonlySet<string>): Promise<void> {
    const { start, isReady, log, record } = this.#options;
    const due = this.#candidates(running).filter(({ uuid }) => this.#isDue(uuid));
    for (let at = 0; at < due.length && (await isReady()); at += AT_ONCE) {
      const tries = due.slice(at, at + AT_ONCE).map(async ({ uuid, name }) => {
        // It may have been started, by a person, while others were.
        if (record.current.ran.includes(uuid)) return;
        const failures = this.#tried.get(uuid)?.failures ?? 0;
        try {
          await start(uuid);
          this.#tried.delete(uuid);
          await record.change({ ran: withVm(record.current.ran, uuid) });
          log.info({ vm: uuid, name }, 'started, as it is to start with the host');
        } catch (err) {
          this.#tried.set(uuid, { failures: failures + 1, atBootMs: bootMs() });
          log.warn(
            { err, vm: uuid, name, failures: failures + 1 },
            'autostart is tried again later',
          );
        }
      });
      await Promise.all(tries);
    }
  }

  /** Those that libvirtd tried in this boot and that did not run since. */
  #candidates(running: ReadonlySet<string>): readonly AutostartDomain[] {
    const { roots, record } = this.#options;
    const { ran, refused } = record.current;
    const triedAtMs = statSync(join(roots.libvirtState, 'qemu/autostarted'), {
      throwIfNoEntry: false,
    })?.mtimeMs;
    return autostartDomains(roots.libvirtConfiguration).filter(({ uuid, file }) => {
      if (running.has(uuid) || ran.includes(uuid)) return false;
      if (refused.includes(uuid)) return true;
      // Marked after libvirtd tried: that one is for the next boot.
      return triedAtMs !== undefined && lstatSync(file).ctimeMs < triedAtMs;
    });
  }

  #isDue(uuid: string): boolean {
    const tried = this.#tried.get(uuid);
    if (tried === undefined) return true;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (tried.failures - 1), LONGEST_WAIT_MS);
    return bootMs() - tried.atBootMs >= wait;
  }
}
