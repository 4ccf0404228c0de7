import { ParseError, type Reader } from '@touchstone/tpm';

const UINT = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const MAX_DEPTH = 8;

type Head = { readonly major: number; readonly value: bigint; readonly offset: number };

/**
 * As much of CBOR (RFC 8949) as a canonical event log needs: definite lengths alone. Every read names its field,
 * and throws ParseError CEL_RECORD for another kind of item, CEL_DEPTH, or TRUNCATED.
 */
export class CborReader {
  readonly #reader: Reader;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  get offset(): number {
    return this.#reader.offset;
  }

  /** At most 2^53 - 1. */
  number(field: string): number {
    return this.#small(this.#expect(UINT, field), field);
  }

  bytes(field: string): Uint8Array {
    return this.#string(this.#expect(BYTES, field), field);
  }

  /** How many items follow: never more than there are bytes for. */
  array(field: string): number {
    return this.#count(this.#expect(ARRAY, field), field, 1);
  }

  /** How many pairs follow. */
  map(field: string): number {
    return this.#count(this.#expect(MAP, field), field, 2);
  }

  /** Passes over one item of any kind, with all that is in it. */
  skip(field: string, depth = 0): void {
    const head = this.#head(field);
    if (depth >= MAX_DEPTH) throw new ParseError('CEL_DEPTH', field, head.offset);
    switch (head.major) {
      case BYTES:
      case TEXT:
        this.#string(head, field);
        return;
      case ARRAY:
      case MAP:
        for (let left = this.#items(head, field); left > 0; left--) this.skip(field, depth + 1);
        return;
      case TAG:
        this.skip(field, depth + 1);
        return;
      case UINT:
      case NEGATIVE:
      default:
    }
  }

  end(field: string): void {
    this.#reader.end(field);
  }

  #items(head: Head, field: string): number {
    const each = head.major === MAP ? 2 : 1;
    return each * this.#count(head, field, each);
  }

  #expect(major: number, field: string): Head {
    const head = this.#head(field);
    if (head.major === major) return head;
    throw new ParseError('CEL_RECORD', field, head.offset, `an item of kind ${head.major}`);
  }

  #head(field: string): Head {
    const { offset } = this.#reader;
    const initial = this.#reader.u8(field);
    const major = initial >>> 5;
    const info = initial & 0x1f;
    if (info < 24) return { major, value: BigInt(info), offset };
    switch (info) {
      case 24:
        return { major, value: BigInt(this.#reader.u8(field)), offset };
      case 25:
        return { major, value: BigInt(this.#reader.u16(field)), offset };
      case 26:
        return { major, value: BigInt(this.#reader.u32(field)), offset };
      case 27:
        return { major, value: this.#reader.u64(field), offset };
      default:
        throw new ParseError('CEL_RECORD', field, offset, `length ${info}`);
    }
  }

  #small({ value, offset }: Head, field: string): number {
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new ParseError('CEL_RECORD', field, offset, `${value}`);
    }
    return Number(value);
  }

  #string(head: Head, field: string): Uint8Array {
    return this.#reader.bytes(this.#small(head, field), field);
  }

  #count(head: Head, field: string, bytesEach: number): number {
    const count = this.#small(head, field);
    if (count * bytesEach > this.#reader.remaining) {
      throw new ParseError('TRUNCATED', field, head.offset, `${count} items`);
    }
    return count;
  }
}
