/** Bytes that come in pieces of any size, read in pieces of the size that is asked for. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** So many bytes, fewer only where they end. */
  async upTo(length: number): Promise<Buffer> {
    await this.#hold(length);
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  async ended(): Promise<boolean> {
    await this.#hold(1);
    return this.#held.length === 0;
  }

  async #hold(length: number): Promise<void> {
    const pieces = [this.#held];
    let held = this.#held.length;
    while (held < length) {
      const { done, value } = await this.#pieces.next();
      if (done === true) break;
      pieces.push(Buffer.from(value.buffer, value.byteOffset, value.length));
      held += value.length;
    }
    if (pieces.length > 1) this.#held = Buffer.concat(pieces);
  }
}
