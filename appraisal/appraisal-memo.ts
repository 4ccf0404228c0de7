import { frozen } from './frozen.ts';
import type { MeasurementJudgement } from './judge-measurements.ts';
import type { Situation } from './situation.ts';

/** Some thousands of hosts that each show something else; any number that show the same. */
const DEFAULT_BYTES = 134_217_728;
/** Of the whole, what one judgement may take: a host with a monstrous log is judged anew each time. */
const LARGEST_SHARE = 1 / 32;
/** What a boot takes beside its judgement. A generous guess. */
const BOOT_BYTES = 512;

type Kept = { readonly judgement: MeasurementJudgement; readonly bytes: number; holders: number };
type Boot = { readonly boot: string; readonly kept: Kept; readonly notAfterMs: number };

/**
 * Judgements of measurements, so that evidence that shows nothing new costs no more than its signature.
 * The store of one process: it is passed in, and what is in it follows from evidence that was verified.
 *
 * - An AK has at most one entry, of its latest boot: a new boot, a new AK and other measurements never hit,
 *   and however often a host changes, it takes nobody's place but its own.
 * - Judgements of equal measurements are held once for all the hosts that show them.
 * - At and after `notAfterMs` an entry is not served.
 * - The least recently used boots make room.
 */
export class AppraisalMemo {
  /** By AK Name; the least recently used first. */
  readonly #boots = new Map<string, Boot>();
  readonly #judgements = new Map<string, Kept>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxBytes = DEFAULT_BYTES }: { readonly maxBytes?: number } = {}) {
    this.#maxBytes = maxBytes;
  }

  /** How many boots are remembered, how many judgements they share, and what both take. */
  get size(): { readonly boots: number; readonly judgements: number; readonly bytes: number } {
    return { boots: this.#boots.size, judgements: this.#judgements.size, bytes: this.#bytes };
  }

  /** What was judged of these very measurements in this boot of this AK, while nothing of it has changed. */
  recall({ akName, boot, key, now }: Situation): MeasurementJudgement | undefined {
    const found = this.#boots.get(akName);
    if (found === undefined) return undefined;
    const { judgement } = found.kept;
    // A time that is none compares false.
    const holds = now.getTime() < found.notAfterMs;
    if (!holds || found.boot !== boot || judgement.key !== key) return undefined;
    this.#boots.delete(akName);
    this.#boots.set(akName, found);
    return judgement;
  }

  /** Takes the place of what was kept for this AK. */
  keep({ akName, boot, key, notAfterMs }: Situation, judgement: MeasurementJudgement): void {
    this.#forget(akName);
    if (judgement.key !== key) throw new TypeError('a judgement of other measurements');
    const kept = this.#judgements.get(key) ?? newlyKept(judgement);
    if (kept.bytes > this.#maxBytes * LARGEST_SHARE) return;
    if (kept.holders === 0) {
      this.#judgements.set(key, kept);
      this.#bytes += kept.bytes;
    }
    kept.holders += 1;
    this.#boots.set(akName, { boot, kept, notAfterMs });
    this.#bytes += BOOT_BYTES;
    for (const [oldest] of this.#boots) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(akName: string): void {
    const found = this.#boots.get(akName);
    if (found === undefined) return;
    const { kept } = found;
    this.#boots.delete(akName);
    this.#bytes -= BOOT_BYTES;
    kept.holders -= 1;
    if (kept.holders > 0) return;
    this.#judgements.delete(kept.judgement.key);
    this.#bytes -= kept.bytes;
  }
}

const newlyKept = (judgement: MeasurementJudgement): Kept => ({
  judgement: frozen(judgement),
  bytes: bytesOf(judgement),
  holders: 0,
});

/** What plain data takes in memory, about. */
function bytesOf(data: unknown): number {
  if (typeof data === 'string') return 24 + data.length * 2;
  if (typeof data !== 'object' || data === null) return 8;
  let bytes = 32;
  for (const value of Object.values(data)) bytes += 8 + bytesOf(value);
  return bytes;
}
