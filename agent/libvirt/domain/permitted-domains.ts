import type { Domain, DomainDefinition } from './describe.ts';
import { checkStarted, type HostRoots, type StartedFinding } from './started.ts';

/** Between libvirt's `prepare` and its `started` lies the start of QEMU, and for an incoming migration all of it. */
const KEPT_MS = 900_000;
const MAX_KEPT = 1_024;

type Kept = { readonly definition: DomainDefinition; readonly until: number };

/** What the VMs that were permitted a moment ago are to be, until they were started and looked at. */
export class PermittedDomains {
  readonly #kept = new Map<string, Kept>();
  readonly #roots: HostRoots | undefined;

  constructor(roots?: HostRoots) {
    this.#roots = roots;
  }

  keep(vm: string, definition: DomainDefinition): void {
    this.#kept.delete(vm);
    this.#kept.set(vm, { definition, until: performance.now() + KEPT_MS });
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
    return checkStarted(live, kept.definition, this.#roots);
  }
}
