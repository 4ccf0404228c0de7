import { type BankName, hashOfBank } from '@touchstone/tpm';
import { hash } from 'node:crypto';
import type { ImaCursor } from './ima-cursor.ts';

/**
 * What a kernel extends a bank with: the hash of the entry's data in that bank's algorithm; or, before 5.8
 * and in banks whose algorithm the kernel was built without, its SHA-1 with zeros behind it. A violation is
 * ones in place of either.
 */
export type ImaStyle = 'hash' | 'padded';

const SHA1_SIZE = 20;

/**
 * One bank of the PCR that a list's entries extend, from what it held before: PCR = H(PCR || digest).
 * Nothing is kept of an entry but the value.
 */
export class ImaReplay {
  readonly bank: BankName;
  readonly style: ImaStyle;
  readonly #node: string;
  readonly #hashed: string;
  readonly #size: number;
  /** PCR || digest. */
  readonly #both: Buffer;
  #value: string;

  constructor(bank: BankName, style: ImaStyle, before?: Uint8Array) {
    const { node, size } = hashOfBank(bank);
    this.bank = bank;
    this.style = style;
    this.#node = node;
    this.#size = size;
    this.#hashed = style === 'padded' ? 'sha1' : node;
    this.#both = Buffer.alloc(2 * size);
    if (before !== undefined) this.#both.set(before);
    this.#value = this.#both.toString('latin1', 0, size);
  }

  /** Another that holds the same now, and goes on by itself. */
  fork(): ImaReplay {
    return new ImaReplay(this.bank, this.style, this.value);
  }

  /** `data` is the entry's; a view on it that the caller has anyway. */
  extend(violation: boolean, data: Uint8Array): void {
    const size = this.#size;
    if (violation) this.#both.fill(0xff, size, size + (this.style === 'padded' ? SHA1_SIZE : size));
    // Text of one byte a character: node gives it in a third of the time that a Buffer takes.
    else this.#both.write(hash(this.#hashed, data, 'binary'), size, 'latin1');
    this.#value = hash(this.#node, this.#both, 'binary');
    this.#both.write(this.#value, 0, 'latin1');
  }

  /** Whether the PCR holds this now: bytes, one a character. */
  holds(latin1: string): boolean {
    return this.#value === latin1;
  }

  get value(): Uint8Array {
    return new Uint8Array(Buffer.from(this.#value, 'latin1'));
  }
}

/** The data under an entry's hash: a view, that holds as long as the cursor stands there. */
export const dataOf = ({ data, dataStart, dataEnd }: ImaCursor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset + dataStart, dataEnd - dataStart);
