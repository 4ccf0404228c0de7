import { ParseError } from '@touchstone/tpm';

/** Takes exact numbers of bytes from pieces of any size, and counts them. */
export class ByteQueue {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #name: string;
  readonly #maxBytes: number;
  #piece: Uint8Array = new Uint8Array();
  #offset = 0;
  #received = 0;

  /** `name` is the field that errors name. */
  constructor(pieces: AsyncIterable<Uint8Array>, name: string, maxBytes: number) {
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.#name = name;
    this.#maxBytes = maxBytes;
  }

  /** How many bytes were taken. */
  get offset(): number {
    return this.#offset;
  }

  /** The next `length` bytes; fewer only at the end. @throws ParseError DEB_EXPANDS */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    await this.#pass(length, (part) => parts.push(part));
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  /** Passes over the next `length` bytes; how many there were. @throws ParseError DEB_EXPANDS */
  skip(length: number): Promise<number> {
    return this.#pass(length, () => {});
  }

  /** Gives up what was not read. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #pass(length: number, use: (part: Uint8Array) => void): Promise<number> {
    let passed = 0;
    while (passed < length) {
      if (this.#piece.length === 0 && !(await this.#more())) break;
      const part = this.#piece.subarray(0, length - passed);
      this.#piece = this.#piece.subarray(part.length);
      this.#offset += part.length;
      passed += part.length;
      use(part);
    }
    return passed;
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#pieces.next();
    if (done === true) return false;
    this.#received += value.length;
    if (this.#received > this.#maxBytes) {
      throw new ParseError('DEB_EXPANDS', this.#name, this.#maxBytes);
    }
    this.#piece = value;
    return true;
  }
}
