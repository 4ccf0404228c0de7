import { join } from 'node:path';
import { Type } from 'typebox';
import { closed, DecidedAlone } from '@touchstone/schemas';
import { Kept } from '../state/kept.ts';

const MAX_KEPT = 1_024;
const RUNS_NOT: ReadonlySet<DecidedAlone['decision']> = new Set(['refused', 'failed']);

const KeptDecisions = closed({
  schema: Type.Literal('touchstone/agent-decided-alone/1'),
  decided: Type.Array(DecidedAlone, { maxItems: MAX_KEPT }),
});

/**
 * What was decided here without the server's word, on the disk before it has an effect, until a statement told it. Where
 * there is no room for all, what runs stays, and what does not goes.
 */
export class DecisionsAlone {
  readonly #kept: Kept<typeof KeptDecisions>;

  private constructor(kept: Kept<typeof KeptDecisions>) {
    this.#kept = kept;
  }

  /** @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
  static async open(stateDir: string): Promise<DecisionsAlone> {
    const none = { schema: 'touchstone/agent-decided-alone/1' as const, decided: [] };
    return new DecisionsAlone(
      await Kept.open(join(stateDir, 'decided-alone.json'), KeptDecisions, none),
    );
  }

  /** The oldest first. */
  get waiting(): readonly DecidedAlone[] {
    return this.#kept.value.decided;
  }

  /** Rejects where it could not be written: then it must have no effect. */
  add(decision: DecidedAlone): Promise<void> {
    const { value } = this.#kept;
    const decided = [...value.decided, decision];
    if (decided.length > MAX_KEPT) {
      const over = decided.findIndex((one) => RUNS_NOT.has(one.decision));
      decided.splice(Math.max(over, 0), 1);
    }
    return this.#kept.change({ ...value, decided });
  }

  /** An answer came to a statement that told these. What was decided since of the same request is still to be told. */
  told(decisions: readonly DecidedAlone[]): Promise<void> {
    const told = new Set(decisions.map(keyOf));
    const { value } = this.#kept;
    const decided = value.decided.filter((one) => !told.has(keyOf(one)));
    if (decided.length === value.decided.length) return Promise.resolve();
    return this.#kept.change({ ...value, decided });
  }
}

const keyOf = ({ requestId, decision }: DecidedAlone): string => `${requestId} ${decision}`;
