import type { DiskName } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import { bootTime } from '../gate/boot-time.ts';

type DiskKeys = ReadonlyMap<DiskName, Buffer>;

type Later = (work: () => void, afterMs: number) => void;
const afterwards: Later = (work, afterMs) => void setTimeout(work, afterMs).unref();

/** By CLOCK_BOOTTIME, which no suspend stops. */
const LIFETIME_SECONDS = 15;
/** Two full batches. */
const MAX_STARTS = 512;

/** Keys of disks between the permit and the VM's process: handed out once, within 15 s, in memory alone. */
export class WaitingKeys {
  readonly #held = new Map<string, { readonly keys: DiskKeys; readonly since: number }>();
  readonly #now: () => number;
  readonly #later: Later;

  constructor(now: () => number = bootTime, later: Later = afterwards) {
    this.#now = now;
    this.#later = later;
  }

  /** Takes the keys over, and overwrites them if nobody comes. @throws AppError KEYS_NOT_HELD: too many wait */
  hold(permitId: string, keys: DiskKeys): void {
    this.#forgetOld();
    if (this.#held.size >= MAX_STARTS || this.#held.has(permitId)) {
      overwriteKeys(keys);
      throw agentError('KEYS_NOT_HELD', { detail: `${this.#held.size} starts wait already` });
    }
    this.#held.set(permitId, { keys, since: this.#now() });
    // Where the host slept meanwhile it comes late, and take() looks at the clock itself.
    this.#later(() => this.#forgetOld(), LIFETIME_SECONDS * 1_000 + 100);
  }

  /** Once: whoever takes them overwrites them. @throws AppError KEYS_NOT_HELD */
  take(permitId: string): DiskKeys {
    this.#forgetOld();
    const found = this.#held.get(permitId);
    if (found === undefined) throw agentError('KEYS_NOT_HELD', { status: 404 });
    this.#held.delete(permitId);
    return found.keys;
  }

  /** The agent ends. */
  close(): void {
    for (const permitId of [...this.#held.keys()]) this.forget(permitId);
  }

  /** Nobody comes for them. */
  forget(permitId: string): void {
    const found = this.#held.get(permitId);
    this.#held.delete(permitId);
    if (found !== undefined) overwriteKeys(found.keys);
  }

  #forgetOld(): void {
    const now = this.#now();
    for (const [permitId, { since }] of this.#held) {
      const age = now - since;
      if (!(age >= 0 && age <= LIFETIME_SECONDS)) this.forget(permitId);
    }
  }
}

export function overwriteKeys(keys: DiskKeys): void {
  for (const key of keys.values()) key.fill(0);
}
