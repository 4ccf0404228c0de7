import { malformed } from './malformed.ts';

export type Endian = 'big' | 'little';

/**
 * One forward cursor over untrusted bytes. Each read names the field it reads, and advances or throws
 * ParseError TRUNCATED; a length is held against what remains before anything is allocated. The byte
 * strings it returns are views on the input, which must not be changed afterwards.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Uint8Array, endian: Endian = 'big', start = 0, end = bytes.length) {
    if (start < 0 || start > end || end > bytes.length)
      throw new RangeError('window off the input');
    // A plain Uint8Array, whatever subclass the caller holds: Buffer.slice has other semantics.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = endian === 'little';
    this.#offset = start;
    this.#end = end;
  }

  /** Counted from the start of the whole input, also in a reader made by `window`. */
  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#advance(1, field));
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#advance(2, field), this.#littleEndian);
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#advance(4, field), this.#littleEndian);
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#advance(8, field), this.#littleEndian);
  }

  bytes(length: number, field: string): Uint8Array {
    const start = this.#advance(length, field);
    return this.#bytes.subarray(start, start + length);
  }

  /** A TPM2B: UINT16 size, then that many bytes. */
  sized16(field: string): Uint8Array {
    return this.bytes(this.u16(`${field}.size`), field);
  }

  /** The next `length` bytes as a reader of their own, whose offsets still count from the input's start. */
  window(length: number, field: string): Reader {
    const start = this.#advance(length, field);
    return new Reader(this.#bytes, this.#littleEndian ? 'little' : 'big', start, start + length);
  }

  /** Throws TRAILING_BYTES unless everything was read. Each whole-input parser calls it. */
  end(field: string): void {
    if (this.remaining !== 0) {
      throw malformed('TRAILING_BYTES', field, this.#offset, `${this.remaining} bytes left`);
    }
  }

  #advance(length: number, field: string): number {
    if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`length of ${field}`);
    if (length > this.remaining) {
      throw malformed(
        'TRUNCATED',
        field,
        this.#offset,
        `${length} bytes wanted, ${this.remaining} left`,
      );
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
