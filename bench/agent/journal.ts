import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What is read of a line of it: of a start that was decided (agent/gate/journal.ts), or of an attestation. */
type Line = { readonly requestId?: string; readonly quoteMs?: number; readonly msg?: string };

/** What an agent writes down: of each start, by the id that whoever asked was given, too, and of its attestations. */
export class Journal {
  readonly #quoteMs = new Map<string, PromiseWithResolvers<number>>();
  readonly #attestedAt: number[] = [];

  constructor(lines: Readable) {
    const read = createInterface({ input: lines });
    read.on('line', (line) => line.startsWith('{') && this.#hear(JSON.parse(line) as Line));
    read.once('close', () => {
      for (const { reject } of this.#quoteMs.values()) reject(new Error('the agent has ended'));
    });
  }

  /** Milliseconds that the TPM took for the quote of that start; the line may still be on its way. */
  quoteMs(requestId: string): Promise<number> {
    return this.#start(requestId).promise;
  }

  /** When attestations ended, by performance.now(). */
  get attestedAt(): readonly number[] {
    return this.#attestedAt;
  }

  #hear({ requestId, quoteMs, msg }: Line): void {
    if (msg === 'attested') this.#attestedAt.push(performance.now());
    if (requestId !== undefined && quoteMs !== undefined) this.#start(requestId).resolve(quoteMs);
  }

  #start(requestId: string): PromiseWithResolvers<number> {
    const start = this.#quoteMs.get(requestId) ?? Promise.withResolvers<number>();
    this.#quoteMs.set(requestId, start);
    // Of starts that nobody asks for.
    start.promise.catch(() => undefined);
    return start;
  }
}
