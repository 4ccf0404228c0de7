import type { Domain } from './describe.ts';
import { checkStarted, type HostRoots, type Permitted, type StartedFinding } from './started.ts';

/** Between libvirt's `prepare` and its `started` lies the start of QEMU, and for an incoming migration all of it. */
const KEPT_MS = 900_000;
const MAX_KEPT = 1_024;

type Kept = { readonly permitted: Permitted; readonly until: number };

/** What the VMs that were permitted a moment ago are to be, until they were started and looked at. */
export class PermittedDomains {
  readonly #kept = new Map<string, Kept>();
  readonly #roots: HostRoots | undefined;

  constructor(roots?: HostRoots) {
    this.#roots = roots;
  }

  /** Null where it could not be told what the VM is, and that is not compared: starts that are observed. */
  keep(vm: string, permitted: Permitted | null): void {
    this.#kept.delete(vm);
    if (permitted === null) return;
    this.#kept.set(vm, { permitted, until: performance.now() + KEPT_MS });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) break;
      this.#kept.delete(oldest);
    }
  }

  /** Once for each start. Null also of a VM that this agent permitted nothing: another agent may have, before it. */
  async check(live: Domain): Promise<StartedFinding | null> {
    const kept = this.#kept.get(live.vm);
    this.#kept.delete(live.vm);
    if (kept === undefined || kept.until < performance.now()) return null;
    return checkStarted(live, kept.permitted, this.#roots);
  }
}
