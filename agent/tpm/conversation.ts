/** Permits before attests: a VM that waits is a person who waits. */
export type Urgency = 'permit' | 'attest';

/**
 * One conversation with the TPM at a time, the urgent ones first. A conversation is everything from
 * the challenge to the answer's acceptance, so that evidence is delivered in the order of its quotes.
 */
export class Conversations {
  readonly #waiting: { readonly urgency: Urgency; readonly start: () => void }[] = [];
  #busy = false;

  async hold<T>(urgency: Urgency, conversation: () => Promise<T>): Promise<T> {
    await this.#turn(urgency);
    try {
      return await conversation();
    } finally {
      this.#next();
    }
  }

  #turn(urgency: Urgency): Promise<void> {
    if (!this.#busy) {
      this.#busy = true;
      return Promise.resolve();
    }
    return new Promise((start) => this.#waiting.push({ urgency, start }));
  }

  #next(): void {
    const permit = this.#waiting.findIndex(({ urgency }) => urgency === 'permit');
    const [turn] = this.#waiting.splice(Math.max(permit, 0), 1);
    if (turn === undefined) this.#busy = false;
    else turn.start();
  }
}
