import { malformed } from './malformed.ts';

/** One element: X.690, 8.1. `contents` and `encoded` are views on the input. */
export type DerValue = {
  readonly tag: number;
  /** Of the identifier octet, from the start of the input. */
  readonly offset: number;
  readonly contents: Uint8Array;
  /** Identifier, length and contents. */
  readonly encoded: Uint8Array;
  /** A reader over the contents. Throws BAD_DER unless the element is constructed. */
  readonly children: () => DerReader;
};

/** Universal tags with their constructed bit, and how context tags are made: X.690, 8.1.2. */
export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONSTRUCTED = 0x20;

/** [n], constructed: explicit tagging, or an implicit SEQUENCE. */
export const contextConstructed = (number: number) => 0xa0 | number;
/** [n], primitive: implicit tagging of a primitive type. */
export const contextPrimitive = (number: number) => 0x80 | number;

/**
 * One forward cursor over DER. Lengths are definite, minimal and held against what remains; tags are of
 * one octet. Throws ParseError BAD_DER, TRUNCATED or TRAILING_BYTES.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** Whether the next element has this tag; false at the end. */
  at(tag: number): boolean {
    return this.remaining > 0 && this.#bytes[this.#offset] === tag;
  }

  any(field: string): DerValue {
    const offset = this.#offset;
    const tag = this.#octet(field);
    if ((tag & 0x1f) === 0x1f) throw malformed('BAD_DER', field, offset, 'tag of many octets');
    const length = this.#length(field);
    if (length > this.remaining) {
      const detail = `${length} bytes wanted, ${this.remaining} left`;
      throw malformed('TRUNCATED', field, this.#offset, detail);
    }
    const start = this.#offset;
    this.#offset += length;
    const bytes = this.#bytes;
    const end = this.#offset;
    return {
      tag,
      offset,
      contents: bytes.subarray(start, end),
      encoded: bytes.subarray(offset, end),
      children: () => {
        if ((tag & CONSTRUCTED) === 0) throw malformed('BAD_DER', field, offset, 'primitive');
        return new DerReader(bytes, start, end);
      },
    };
  }

  expect(tag: number, field: string): DerValue {
    const value = this.any(field);
    if (value.tag === tag) return value;
    const detail = `tag 0x${value.tag.toString(16)}, not 0x${tag.toString(16)}`;
    throw malformed('BAD_DER', field, value.offset, detail);
  }

  optional(tag: number, field: string): DerValue | undefined {
    return this.at(tag) ? this.expect(tag, field) : undefined;
  }

  /** The contents of the SEQUENCE that comes next. */
  sequence(field: string): DerReader {
    return this.expect(DER.sequence, field).children();
  }

  /** Throws TRAILING_BYTES unless everything was read. */
  end(field: string): void {
    if (this.remaining === 0) return;
    throw malformed('TRAILING_BYTES', field, this.#offset, `${this.remaining} bytes left`);
  }

  #octet(field: string): number {
    const octet = this.#offset < this.#end ? this.#bytes[this.#offset] : undefined;
    if (octet === undefined) throw malformed('TRUNCATED', field, this.#offset);
    this.#offset += 1;
    return octet;
  }

  #length(field: string): number {
    const offset = this.#offset;
    const first = this.#octet(field);
    if (first < 0x80) return first;
    const octets = first & 0x7f;
    // Four octets of length are more than any input we read; 0x80 alone is BER's indefinite form.
    if (octets === 0 || octets > 4) throw malformed('BAD_DER', field, offset, 'length form');
    let length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + this.#octet(field);
    if (length < 0x80 || length < 256 ** (octets - 1)) {
      throw malformed('BAD_DER', field, offset, 'length not minimal');
    }
    return length;
  }
}
