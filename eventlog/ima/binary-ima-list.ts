import { hashOfBank } from '@touchstone/tpm';
import type { ImaListForm } from './ima-entry.ts';
import { ImaCursor, LEGACY_DIGEST_SIZE, LEGACY_NAME_MAX } from './ima-cursor.ts';
import type { ImaLimits } from './ima-limits.ts';
import { MAX_TEMPLATE_NAME, readTemplate } from './ima-template.ts';

const LAST_PCR = 23;

/** binary_runtime_measurements, little-endian: Linux, security/integrity/ima/ima_fs.c, ima_measurements_show. */
export class BinaryImaCursor extends ImaCursor {
  readonly #bytes: Buffer;
  readonly #digestSize: number;
  #next = 0;
  /** Of the last template's name: nearly always the next one's too. */
  #nameStart = 0;
  #nameLength = -1;

  constructor(bytes: Buffer, form: ImaListForm, limits: ImaLimits) {
    super(form, limits, bytes);
    this.#bytes = bytes;
    this.#digestSize = hashOfBank(form.digestBank).size;
  }

  next(): boolean {
    const bytes = this.#bytes;
    if (this.#next === bytes.length) return false;
    let at = this.#next;
    this.count(at);
    this.#room(at, 4, 'pcr');
    this.pcr = bytes.readUInt32LE(at);
    if (this.pcr > LAST_PCR) this.fail('IMA_PCR_INDEX', 'pcr', at, `${this.pcr}`);
    at += 4;
    this.#room(at, this.#digestSize + 4, 'templateDigest');
    this.templateDigestStart = at;
    this.violation = isZero(bytes, at, at + this.#digestSize);
    at += this.#digestSize;
    const nameLength = bytes.readUInt32LE(at);
    if (nameLength === 0 || nameLength > MAX_TEMPLATE_NAME) {
      this.fail('IMA_TEMPLATE', 'templateName.length', at, `${nameLength}`);
    }
    at += 4;
    this.#room(at, nameLength, 'templateName');
    this.#readTemplate(at, nameLength);
    at += nameLength;
    this.#next = this.template.legacy ? this.#readLegacy(at) : this.#readData(at);
    return true;
  }

  #readTemplate(start: number, length: number): void {
    const bytes = this.#bytes;
    let same = length === this.#nameLength;
    for (let i = 0; same && i < length; i += 1)
      same = bytes[start + i] === bytes[this.#nameStart + i];
    if (same) return;
    const name = bytes.toString('latin1', start, start + length);
    this.template = readTemplate(name, this.field('templateName'), start);
    this.#nameStart = start;
    this.#nameLength = length;
  }

  /** Without lengths: a digest of 20 bytes, then the name's length and the name without a NUL. */
  #readLegacy(start: number): number {
    const bytes = this.#bytes;
    this.#room(start, LEGACY_DIGEST_SIZE + 4, 'd');
    const lengthAt = start + LEGACY_DIGEST_SIZE;
    const length = bytes.readUInt32LE(lengthAt);
    if (length > LEGACY_NAME_MAX) this.fail('IMA_FIELD', 'n.length', lengthAt, `${length}`);
    this.#room(lengthAt + 4, length, 'n');
    this.padLegacy(bytes, start, lengthAt + 4, lengthAt + 4 + length);
    return lengthAt + 4 + length;
  }

  #readData(start: number): number {
    this.#room(start, 4, 'data.length');
    const length = this.#bytes.readUInt32LE(start);
    if (length > this.limits.maxDataBytes) this.fail('IMA_DATA', 'data.length', start, `${length}`);
    this.#room(start + 4, length, 'data');
    this.data = this.#bytes;
    this.dataStart = start + 4;
    this.dataEnd = start + 4 + length;
    this.readFields(start + 4);
    return this.dataEnd;
  }

  #room(at: number, length: number, name: string): void {
    const left = this.#bytes.length - at;
    if (length > left) this.fail('TRUNCATED', name, at, `${length} bytes wanted, ${left} left`);
  }
}

export function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
