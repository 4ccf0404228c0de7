import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bootMs } from '../gate/boot-time.ts';
import type { BroughtHook } from '../libvirt/hook.ts';
import { RunningDomains } from './domains.ts';
import type { FoundExposure } from './exposures.ts';
import { hookExposures, rootOf } from './hook.ts';
import { judge, type Judged } from './judge.ts';
import {
  ancestorsOf,
  isAlive,
  type LibvirtDaemon,
  processOf,
  readProcesses,
  sameProcess,
} from './processes.ts';
import type { WatchRoots } from './settings.ts';
import type { StartsOfBoot } from './starts-of-boot.ts';

/** libvirtd runs QEMU for a moment to learn what it can, and writes down a domain after it has begun. */
const SETTLING_AGE_MS = 10_000;
/** Of looks, one that also looks who has the processor's help for VMs open. */
const DEEP_EVERY = 3;

export type LookParts = {
  readonly roots: WatchRoots;
  readonly starts: StartsOfBoot;
  readonly brought: BroughtHook;
  /** Younger processes that no door knows are not called anything yet. */
  readonly settlingMs?: number;
};

/** `hasDoor`: whether VMs could come here by a door of the gate. */
export type LookedAt = Pick<Judged, 'vms' | 'exposures' | 'begun' | 'unsettled'> & {
  readonly hasDoor: boolean;
};

/** Looks at this host: at the processes, at what libvirtd wrote down, and at the hook. */
export class Looks {
  readonly #parts: LookParts;
  readonly #domains = new RunningDomains();
  #withKvm: readonly number[] = [];
  #looks = 0;

  constructor(parts: LookParts) {
    this.#parts = parts;
  }

  /** @throws what keeps it from seeing */
  async look(): Promise<LookedAt> {
    const { roots, starts, brought, settlingMs = SETTLING_AGE_MS } = this.#parts;
    const { processes } = roots;
    const { hypervisors, daemons } = await this.#readProcesses();
    const domains = this.#domains.read(domainDirectories(roots, daemons));
    const { known, hookHeardAtBootMs: heardAt } = starts;
    const askers = known.flatMap(({ asker }) => {
      const process = asker === null ? null : processOf(processes, asker.pid);
      return process !== null && sameProcess(asker, process) ? [process] : [];
    });
    const now = { wallMs: Date.now(), bootMs: bootMs() };
    const judged = judge(
      {
        ...{ bootMs: now.bootMs, settlingMs, hypervisors, domains, askers },
        isAlive: (process) => isAlive(processes, process),
        ancestorsOf: (process) => ancestorsOf(processes, process),
      },
      known,
    );
    const heard = heardAt === null ? null : { atBootMs: heardAt };
    const hooks: readonly FoundExposure[] = hookExposures({ roots, brought, daemons, heard, now });
    const hasDoor =
      known.length > 0 ||
      daemons.length > 0 ||
      existsSync(join(roots.libvirtConfiguration, 'qemu.conf'));
    return { ...judged, exposures: [...hooks, ...judged.exposures], hasDoor };
  }

  async #readProcesses() {
    const { kvm, processes } = this.#parts.roots;
    const deep = (this.#looks += 1) % DEEP_EVERY === 1;
    const before = new Set(this.#withKvm);
    const looksInto = (pid: number) => deep || before.has(pid);
    const read = await readProcesses(processes, { kvm, looksInto });
    this.#withKvm = read.hypervisors.map(({ pid }) => pid);
    return read;
  }
}

/** As each libvirtd sees them, and as the next would. */
const domainDirectories = (roots: WatchRoots, daemons: readonly LibvirtDaemon[]): string[] =>
  ['/', ...daemons.map((daemon) => rootOf(roots, daemon))].map((root) =>
    join(root, roots.libvirtState, 'qemu'),
  );
