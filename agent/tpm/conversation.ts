/** In this order. A VM that waits is a person who waits; a program that asks for proofs may do so all day. */
const URGENCIES = ['permit', 'attest', 'prove'] as const;
export type Urgency = (typeof URGENCIES)[number];

/** So long the urgent wait for what is not, before it is asked to give way. */
const GIVE_WAY_MS = 2_000;

/**
 * One conversation with the TPM at a time, the urgent ones first. A conversation is everything from
 * the challenge to the answer's acceptance, so that evidence is delivered in the order of its quotes.
 */
export class Conversations {
  readonly #waiting: { readonly urgency: Urgency; readonly start: () => void }[] = [];
  #busy = false;
  #giveWay: AbortController | null = null;

  /** `giveWay` is aborted where somebody urgent has waited long enough for a conversation that is not. */
  async hold<T>(urgency: Urgency, conversation: (giveWay: AbortSignal) => Promise<T>): Promise<T> {
    const giveWay = new AbortController();
    const timer = this.#hurried(urgency);
    await this.#turn(urgency).finally(() => clearTimeout(timer));
    if (urgency === 'attest') this.#giveWay = giveWay;
    try {
      return await conversation(giveWay.signal);
    } finally {
      this.#giveWay = null;
      this.#next();
    }
  }

  #hurried(urgency: Urgency): NodeJS.Timeout | undefined {
    const attest = this.#giveWay;
    if (urgency !== 'permit' || attest === null) return undefined;
    return setTimeout(() => attest.abort(), GIVE_WAY_MS).unref();
  }

  #turn(urgency: Urgency): Promise<void> {
    if (!this.#busy) {
      this.#busy = true;
      return Promise.resolve();
    }
    return new Promise((start) => this.#waiting.push({ urgency, start }));
  }

  #next(): void {
    const places = URGENCIES.map((urgency) =>
      this.#waiting.findIndex((waiting) => waiting.urgency === urgency),
    );
    const [turn] = this.#waiting.splice(places.find((place) => place >= 0) ?? 0, 1);
    if (turn === undefined) this.#busy = false;
    else turn.start();
  }
}
