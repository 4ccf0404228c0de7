import type { Endian } from './reader.ts';

/**
 * The counterpart of Reader. A value that its field cannot hold is a programming error (RangeError),
 * never silently cut.
 */
export class Writer {
  readonly #littleEndian: boolean;
  readonly #parts: Uint8Array[] = [];

  constructor(endian: Endian = 'big') {
    this.#littleEndian = endian === 'little';
  }

  u8(value: number): this {
    return this.#integer(value, 1, (view) => view.setUint8(0, value));
  }

  u16(value: number): this {
    return this.#integer(value, 2, (view) => view.setUint16(0, value, this.#littleEndian));
  }

  u32(value: number): this {
    return this.#integer(value, 4, (view) => view.setUint32(0, value, this.#littleEndian));
  }

  u64(value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} is no UINT64`);
    const part = new Uint8Array(8);
    new DataView(part.buffer).setBigUint64(0, value, this.#littleEndian);
    this.#parts.push(part);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#parts.push(Uint8Array.from(value));
    return this;
  }

  /** A TPM2B: UINT16 size, then the bytes. */
  sized16(value: Uint8Array): this {
    return this.u16(value.length).bytes(value);
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of this.#parts) {
      out.set(part, offset);
      offset += part.length;
    }
    return out;
  }

  #integer(value: number, size: number, set: (view: DataView) => void): this {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * size)) {
      throw new RangeError(`${value} is no UINT${8 * size}`);
    }
    const part = new Uint8Array(size);
    set(new DataView(part.buffer));
    this.#parts.push(part);
    return this;
  }
}
