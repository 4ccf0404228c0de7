import { bootTime } from './gate/boot-time.ts';

/**
 * The server's wall clock, as its last answer told it over the pinned connection, carried on by CLOCK_BOOTTIME. A
 * hypervisor's own may be years off.
 */
export class ServerTime {
  #heard: { readonly atMs: number; readonly bootSeconds: number } | null = null;

  hear(date: Date): void {
    this.#heard = { atMs: date.getTime(), bootSeconds: bootTime() };
  }

  /** Milliseconds since 1970, to a second; null before anything was heard. */
  get nowMs(): number | null {
    if (this.#heard === null) return null;
    return this.#heard.atMs + (bootTime() - this.#heard.bootSeconds) * 1_000;
  }
}
