import type { Domain } from './describe.ts';
import { checkStarted, type HostRoots, type Permitted, type StartedFinding } from './started.ts';

/** Between libvirt's `prepare` and its `started` lies the start of QEMU, and for an incoming migration all of it. */
const KEPT_MS = 900_000;
const MAX_KEPT = 1_024;

/** `permitted`: null where it could not be told what the VM is, and that is not compared: starts that are observed. */
export type PermittedDomain = {
  readonly vm: string;
  readonly name: string;
  readonly requestId: string;
  readonly permitted: Permitted | null;
};

type Kept = PermittedDomain & { readonly until: number };

/** What the VMs that were permitted a moment ago are to be, until they were started and looked at. */
export class PermittedDomains {
  readonly #kept = new Map<string, Kept>();
  readonly #roots: HostRoots | undefined;

  constructor(roots?: HostRoots) {
    this.#roots = roots;
  }

  keep(domain: PermittedDomain): void {
    this.#kept.delete(domain.vm);
    this.#kept.set(domain.vm, { ...domain, until: performance.now() + KEPT_MS });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) break;
      this.#kept.delete(oldest);
    }
  }

  /** Once for each start. Null of a VM that this agent permitted nothing: another agent may have, before it. */
  take(vm: string): PermittedDomain | null {
    const kept = this.#kept.get(vm);
    this.#kept.delete(vm);
    return kept === undefined || kept.until < performance.now() ? null : kept;
  }

  /** The same by libvirt's name for it, where its XML says no UUID. */
  takeNamed(name: string): PermittedDomain | null {
    const vm = [...this.#kept.values()].find((kept) => kept.name === name)?.vm;
    return vm === undefined ? null : this.take(vm);
  }

  /** What differs from what was permitted; null where nothing does. */
  async check(live: Domain, { permitted }: PermittedDomain): Promise<StartedFinding | null> {
    return permitted === null ? null : checkStarted(live, permitted, this.#roots);
  }
}
