import { setTimeout as sleep } from 'node:timers/promises';

type Waiting<Request, Outcome> = {
  readonly request: Request;
  readonly bytes: number;
  readonly settle: (outcome: Outcome) => void;
  readonly fail: (error: unknown) => void;
};

export type GatheringOptions<Request, Outcome> = {
  /** Runs one piece of work after another. */
  readonly turn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Answers all of these, in their order. */
  readonly together: (requests: readonly Request[]) => Promise<readonly Outcome[]>;
  /** How many go together at most, and how long their JSON is together, in bytes. */
  readonly most: number;
  readonly mostBytes: number;
  /** How long the first waits for company before it asks for its turn. */
  readonly windowMs: () => number;
  /** Whether those who wait have the same failure coming, and get it now. */
  readonly sharedBy: (error: unknown) => boolean;
};

/** Who asks while others are being answered shares the next answer: with everybody who comes until its turn does. */
export class Gathering<Request, Outcome> {
  readonly #options: GatheringOptions<Request, Outcome>;
  readonly #waiting: Waiting<Request, Outcome>[] = [];
  #turnAsked = false;

  constructor(options: GatheringOptions<Request, Outcome>) {
    this.#options = options;
  }

  /** @throws what the answer that it was to share failed with */
  ask(request: Request): Promise<Outcome> {
    const bytes = Buffer.byteLength(JSON.stringify(request)) + 1;
    return new Promise((settle, fail) => {
      this.#waiting.push({ request, bytes, settle, fail });
      this.#askForTurn();
    });
  }

  #askForTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#takeTurn().catch((error: unknown) => {
      this.#turnAsked = false;
      for (const { fail } of this.#waiting.splice(0)) fail(error);
    });
  }

  async #takeTurn(): Promise<void> {
    const windowMs = this.#options.windowMs();
    if (windowMs > 0) await sleep(windowMs);
    await this.#options.turn(async () => {
      const taken = this.#take();
      this.#turnAsked = false;
      if (this.#waiting.length > 0) this.#askForTurn();
      if (taken.length > 0) await this.#answer(taken);
    });
  }

  async #answer(taken: readonly Waiting<Request, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.#options.together(taken.map(({ request }) => request));
      for (const [index, { settle, fail }] of taken.entries()) {
        const outcome = outcomes[index];
        if (outcome === undefined) fail(new Error('a request without an outcome'));
        else settle(outcome);
      }
    } catch (error) {
      const others = this.#options.sharedBy(error) ? this.#waiting.splice(0) : [];
      for (const { fail } of [...taken, ...others]) fail(error);
    }
  }

  #take(): readonly Waiting<Request, Outcome>[] {
    const { most, mostBytes } = this.#options;
    let [count, bytes] = [0, 0];
    for (const waiting of this.#waiting.slice(0, most)) {
      bytes += waiting.bytes;
      if (count > 0 && bytes > mostBytes) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}
