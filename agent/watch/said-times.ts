import { bootMs } from '../gate/boot-time.ts';
import { msOfTicks } from './processes.ts';

const MAX_SAID = 4_096;

/** Since when processes run, as the wall clock says it. */
export class SaidTimes {
  readonly #said = new Map<number, string>();

  /** To the second, and once it was said the same for ever: by clocks that people set it would move. */
  sinceOf(startTicks: number): string {
    const said = this.#said.get(startTicks);
    if (said !== undefined) return said;
    if (this.#said.size === MAX_SAID) this.#said.clear();
    const ms = Date.now() - (bootMs() - msOfTicks(startTicks));
    const since = new Date(Math.round(ms / 1_000) * 1_000).toISOString();
    this.#said.set(startTicks, since);
    return since;
  }
}
