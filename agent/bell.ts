import { setTimeout as sleep } from 'node:timers/promises';

/** A wait that can be cut short. What rings while nobody waits cuts the next wait short. */
export class Bell {
  #rung = false;
  #cut: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#cut?.();
  }

  /** Until the latest time, until it rings, but then not before the earliest; or until `stop`. */
  async wait(
    { atLeastMs = 0, atMostMs }: { readonly atLeastMs?: number; readonly atMostMs: number },
    stop: AbortSignal,
  ): Promise<void> {
    const firstMs = Math.min(Math.max(atLeastMs, 0), atMostMs);
    await sleep(firstMs, undefined, { signal: stop }).catch(() => undefined);
    const cutting = new AbortController();
    const cut = () => cutting.abort();
    this.#cut = cut;
    stop.addEventListener('abort', cut);
    if (this.#rung || stop.aborted) cut();
    await sleep(atMostMs - firstMs, undefined, { signal: cutting.signal }).catch(() => undefined);
    stop.removeEventListener('abort', cut);
    this.#cut = null;
    this.#rung = false;
  }
}
