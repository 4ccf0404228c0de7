import type { Operation } from '@touchstone/schemas';

/** DESIGN section 4, Start a VM, step 1. */
const TOLD_SECONDS = 30;
/** VMs that are on their way at the same time. */
const MAX_TOLD = 1_024;

/** libvirt's verbs that say by which operation the VM comes; `prepare begin` follows for all of them alike. */
const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['restore begin', 'restore'],
  ['migrate begin', 'migrate'],
]);

/** What `restore begin` and `migrate begin` told: it counts for the next start of that VM, and not for long. */
export class ToldOperations {
  readonly #told = new Map<string, { readonly operation: Operation; readonly at: number }>();
  readonly #now: () => number;

  /** `now` in seconds, by a clock that nobody sets. */
  constructor(now: () => number) {
    this.#now = now;
  }

  tell(vm: string, verb: string): void {
    const operation = OPERATIONS.get(verb);
    if (operation === undefined) return;
    this.#told.delete(vm);
    this.#told.set(vm, { operation, at: this.#now() });
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest);
  }

  /** Once. */
  take(vm: string): Operation {
    const told = this.#told.get(vm);
    this.#told.delete(vm);
    return told !== undefined && this.#now() - told.at <= TOLD_SECONDS ? told.operation : 'start';
  }
}
