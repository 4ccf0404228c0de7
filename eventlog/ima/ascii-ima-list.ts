import { hashOfBank } from '@touchstone/tpm';
import { LAST_PCR } from '../log-event.ts';
import type { ImaListForm } from './ima-entry.ts';
import { isZero } from './binary-ima-list.ts';
import { ImaCursor, LEGACY_DIGEST_SIZE, LEGACY_NAME_MAX } from './ima-cursor.ts';
import type { ImaLimits } from './ima-limits.ts';
import { type ImaFieldId, type ImaFieldKind, readTemplate } from './ima-template.ts';

const [SPACE, LINE_FEED, COLON] = [0x20, 0x0a, 0x3a];
const [ZERO, NINE] = [0x30, 0x39];
/** Digits of a PCR, a digest and the longest template's name. */
const LONGEST_WORD = 512;

/**
 * ascii_runtime_measurements: a line each, its fields apart by one space and none of them holding one
 * (Linux, security/integrity/ima/ima_fs.c, ima_ascii_measurements_show). The data under the hash is put
 * together again as the kernel had it.
 */
export class AsciiImaCursor extends ImaCursor {
  readonly #text: Buffer;
  readonly #digestSize: number;
  readonly #digest: Buffer;
  #scratch = Buffer.alloc(512);
  #next = 0;
  /** Of the word being read. */
  #at = 0;
  #lineEnd = 0;
  /** Of the name of the template that was read last. */
  #templateStart = 0;
  #templateEnd = 0;

  constructor(text: Buffer, form: ImaListForm, limits: ImaLimits) {
    super(form, limits, text);
    this.#text = text;
    this.#digestSize = hashOfBank(form.digestBank).size;
    this.#digest = Buffer.alloc(this.#digestSize);
    this.templateDigest = this.#digest;
  }

  next(): boolean {
    const text = this.#text;
    if (this.#next >= text.length) return false;
    const start = this.#next;
    this.count(start);
    const feed = text.indexOf(LINE_FEED, start);
    this.#lineEnd = feed < 0 ? text.length : feed;
    this.#next = this.#lineEnd + 1;
    this.#at = start;
    if (this.#lineEnd - start > 2 * this.limits.maxDataBytes) {
      this.fail('IMA_DATA', 'line', start, `${this.#lineEnd - start} characters`);
    }
    // "%2d": a PCR of one digit has a space before it.
    if (text[start] === SPACE) this.#at += 1;
    this.#readPcr();
    this.#readDigest();
    this.#readTemplate();
    if (this.template.legacy) this.#readLegacy();
    else this.#readData();
    return true;
  }

  #readPcr(): void {
    const text = this.#text;
    const at = this.#at;
    const end = this.#wordEnd();
    const [tens, ones] = end - at === 2 ? [text[at]! - ZERO, text[at + 1]!] : [0, text[at]!];
    const pcr = 10 * tens + ones - ZERO;
    // Without a zero before it.
    const isShort = end - at === 1 || (end - at === 2 && (tens === 1 || tens === 2));
    if (!isShort || ones < ZERO || ones > NINE || pcr > LAST_PCR) {
      const word = text.toString('latin1', at, Math.min(end, at + 16));
      this.fail('IMA_PCR_INDEX', 'pcr', this.offset, word);
    }
    this.pcr = pcr;
    this.#at = end + 1;
  }

  /** Most entries have the one before's. */
  #readTemplate(): void {
    const text = this.#text;
    const at = this.#at;
    const end = this.#wordEnd();
    const length = end - at;
    let isSame = length > 0 && length === this.#templateEnd - this.#templateStart;
    for (let byte = 0; isSame && byte < length; byte += 1) {
      isSame = text[at + byte] === text[this.#templateStart + byte];
    }
    if (!isSame) {
      if (length > LONGEST_WORD) this.fail('IMA_FIELD', 'templateName', at, 'too long');
      const name = text.toString('latin1', at, end);
      this.template = readTemplate(name, this.field('templateName'), at);
      [this.#templateStart, this.#templateEnd] = [at, end];
    }
    this.#at = end + 1;
  }

  #readDigest(): void {
    const at = this.#at;
    const end = this.#wordEnd();
    if (end - at !== 2 * this.#digestSize || !this.#hex(at, end, this.#digest, 0)) {
      this.fail('IMA_TEMPLATE_DIGEST', 'templateDigest', at);
    }
    this.violation = isZero(this.#digest, 0, this.#digestSize);
    this.#at = end + 1;
  }

  /** The name is what is left: kernels before spaces were written as underscores show them as they are. */
  #readLegacy(): void {
    const digestAt = this.#at;
    const end = this.#wordEnd();
    const sound = end - digestAt === 2 * LEGACY_DIGEST_SIZE;
    if (!sound || !this.#hex(digestAt, end, this.#scratch, 0))
      this.fail('IMA_FIELD', 'd', digestAt);
    const nameStart = Math.min(end + 1, this.#lineEnd);
    const length = this.#lineEnd - nameStart;
    if (length > LEGACY_NAME_MAX) this.fail('IMA_FIELD', 'n', nameStart, `${length} bytes`);
    this.#text.copy(this.#scratch, LEGACY_DIGEST_SIZE, nameStart, this.#lineEnd);
    this.padLegacy(this.#scratch, 0, LEGACY_DIGEST_SIZE, LEGACY_DIGEST_SIZE + length);
  }

  #readData(): void {
    const { fields, kinds } = this.template;
    // Each field grows by its length, a NUL and no more.
    const most = this.#lineEnd - this.offset + 8 * fields.length;
    if (most > this.#scratch.length) this.#scratch = Buffer.alloc(2 * most);
    let end = 0;
    const start = this.#at;
    for (let index = 0; index < fields.length; index += 1) {
      const kind = kinds[index]!;
      const last = index === fields.length - 1;
      const from = Math.min(this.#at, this.#lineEnd);
      const to = last && kind === 'text' ? this.#lineEnd : this.#wordEnd();
      const length = this.#encode(fields[index]!, kind, from, to, end + 4);
      this.#scratch.writeUInt32LE(length, end);
      end += 4 + length;
      this.#at = to + 1;
    }
    if (this.#at <= this.#lineEnd) this.fail('TRAILING_BYTES', 'line', this.#at);
    if (end > this.limits.maxDataBytes) this.fail('IMA_DATA', 'data', start, `${end} bytes`);
    this.data = this.#scratch;
    this.dataStart = 0;
    this.dataEnd = end;
    this.readFields(start);
  }

  /** One field's content, as bytes; its length. Nothing between two spaces is a field without content. */
  #encode(id: ImaFieldId, kind: ImaFieldKind, from: number, to: number, at: number): number {
    switch (kind) {
      case 'text':
        if (from === to && !id.startsWith('n')) return 0;
        this.#text.copy(this.#scratch, at, from, to);
        this.#scratch[at + to - from] = 0;
        return to - from + 1;
      case 'digest':
        return this.#encodeDigest(id, from, to, at);
      case 'bytes':
        if (!this.#hex(from, to, this.#scratch, at)) this.fail('IMA_FIELD', id, from, 'no hex');
        return (to - from) / 2;
      case 'number': {
        if (from === to) return 0;
        const word = this.#text.toString('latin1', from, Math.min(to, from + 16));
        if (!/^[0-9]{1,10}$/.test(word) || Number(word) > 0xffffffff)
          this.fail('IMA_FIELD', id, from);
        if (id !== 'imode') return this.#scratch.writeUInt32LE(Number(word), at) - at;
        if (Number(word) > 0xffff) this.fail('IMA_FIELD', id, from);
        return this.#scratch.writeUInt16LE(Number(word), at) - at;
      }
    }
  }

  /** `sha256:` and hex, which has a NUL between the two in bytes; `d` is hex alone. */
  #encodeDigest(id: ImaFieldId, from: number, to: number, at: number): number {
    const text = this.#text;
    // Behind the last colon, if there is one.
    let hexFrom = to;
    while (hexFrom > from && text[hexFrom - 1] !== COLON) hexFrom -= 1;
    const named = hexFrom > from ? hexFrom - from + 1 : 0;
    if (id !== 'd' && to > from && named === 0) this.fail('IMA_FIELD', id, from, 'no algorithm');
    text.copy(this.#scratch, at, from, hexFrom);
    if (named > 0) this.#scratch[at + named - 1] = 0;
    if (!this.#hex(hexFrom, to, this.#scratch, at + named))
      this.fail('IMA_FIELD', id, from, 'no hex');
    return named + (to - hexFrom) / 2;
  }

  #wordEnd(): number {
    const from = Math.min(this.#at, this.#lineEnd);
    const text = this.#text;
    let end = from;
    while (end < this.#lineEnd && text[end] !== SPACE) end += 1;
    return end;
  }

  /** Lower-case hex to bytes; false for anything else. */
  #hex(from: number, to: number, into: Buffer, at: number): boolean {
    if ((to - from) % 2 !== 0) return false;
    for (let i = from, o = at; i < to; i += 2, o += 1) {
      const high = NIBBLE[this.#text[i]!]!;
      const low = NIBBLE[this.#text[i + 1]!]!;
      if (high > 15 || low > 15) return false;
      into[o] = high * 16 + low;
    }
    return true;
  }
}

/** By character; 255 for what is no lower-case hex digit. */
const NIBBLE = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return value < 0 ? 255 : value;
});
