import { hashOfBank, ParseError } from '@touchstone/tpm';
import type { ImaListForm } from './ima-entry.ts';
import { type ImaLimits } from './ima-limits.ts';
import { type ImaTemplate, MAX_FIELDS } from './ima-template.ts';

/** IMA_EVENT_NAME_LEN_MAX: in `ima` a name is hashed as a string of so many bytes and a NUL. */
export const LEGACY_NAME_MAX = 255;
export const LEGACY_DIGEST_SIZE = 20;

/**
 * Walks a list's entries, one after another, and makes nothing for any: a list of a million entries takes no
 * more memory than its bytes. What it shows of an entry holds until the next `next()`.
 */
export abstract class ImaCursor {
  readonly form: ImaListForm;
  protected readonly limits: ImaLimits;
  /** Of the entry, from 0; -1 before the first. */
  index = -1;
  /** Of the entry's first byte in the list. */
  offset = 0;
  pcr = 0;
  violation = false;
  /** The list's own column. */
  templateDigest: Buffer;
  templateDigestStart = 0;
  /** What template digests are made of: from dataStart up to dataEnd. */
  data: Buffer;
  dataStart = 0;
  dataEnd = 0;
  /** By field of the template: where in `data` its content lies, without its length. */
  readonly fieldStart = new Int32Array(MAX_FIELDS);
  readonly fieldEnd = new Int32Array(MAX_FIELDS);
  /**
   * Of a digest: where its bytes begin, after `sha256:` NUL or `ima:sha256:` NUL; -1 where there is no such thing,
   * or more than the longest digest after it.
   */
  readonly digestStart = new Int32Array(MAX_FIELDS);
  /** As node:crypto calls the algorithm of the list's own column. */
  readonly columnHash: string;
  #template: ImaTemplate | undefined;
  #paddedName: Buffer | undefined;

  protected constructor(form: ImaListForm, limits: ImaLimits, bytes: Buffer) {
    this.form = form;
    this.columnHash = hashOfBank(form.digestBank).node;
    this.limits = limits;
    this.data = bytes;
    this.templateDigest = bytes;
  }

  /** Goes to the next entry; false at the list's end. Throws ParseError. */
  abstract next(): boolean;

  get template(): ImaTemplate {
    if (this.#template === undefined) throw new TypeError('before the first entry');
    return this.#template;
  }

  protected set template(template: ImaTemplate) {
    this.#template = template;
  }

  protected field(name: string): string {
    return `entries[${this.index}].${name}`;
  }

  protected fail(code: string, name: string, offset: number, detail?: string): never {
    throw new ParseError(code, this.field(name), offset, detail);
  }

  protected count(offset: number): void {
    this.index += 1;
    this.offset = offset;
    if (this.index >= this.limits.maxEntries) {
      throw new ParseError('IMA_TOO_MANY_ENTRIES', 'entries', offset, `${this.limits.maxEntries}`);
    }
  }

  /**
   * The fields of `data`, each with its length (u32) before it; nothing may be left over. `at` is where the
   * data begins in the list, for what is said of errors.
   */
  protected readFields(at: number): void {
    const { data, dataStart, dataEnd, template } = this;
    let offset = dataStart;
    for (let field = 0; field < template.fields.length; field += 1) {
      if (dataEnd - offset < 4) this.fail('TRUNCATED', `${template.fields[field]}.length`, at);
      const length = data.readUInt32LE(offset);
      offset += 4;
      if (length > dataEnd - offset) {
        this.fail('TRUNCATED', `${template.fields[field]}`, at + offset - dataStart, `${length}`);
      }
      this.fieldStart[field] = offset;
      this.fieldEnd[field] = offset + length;
      this.#checkField(field, at + offset - dataStart);
      offset += length;
    }
    if (offset !== dataEnd) this.fail('TRAILING_BYTES', 'data', at + offset - dataStart);
  }

  #checkField(field: number, at: number): void {
    const id = this.template.fields[field]!;
    const start = this.fieldStart[field]!;
    const end = this.fieldEnd[field]!;
    switch (this.template.kinds[field]!) {
      case 'text':
        // Without its NUL a name could be another's beginning.
        if (end === start ? id.startsWith('n') : this.data[end - 1] !== 0) {
          this.fail('IMA_FIELD', id, at, 'no NUL');
        }
        return;
      case 'digest':
        this.digestStart[field] = this.#digestAt(field);
        if (id === 'd') {
          if (end - start !== LEGACY_DIGEST_SIZE) this.fail('IMA_FIELD', id, at, 'its size');
        } else if (this.digestStart[field] < 0 && (end !== start || id !== 'd-modsig')) {
          this.fail('IMA_FIELD', id, at, 'no named digest');
        }
        return;
      case 'number':
        // Of what is no file: nothing.
        if (end !== start && end - start !== 2 && end - start !== 4)
          this.fail('IMA_FIELD', id, at, 'its size');
        return;
      case 'bytes':
    }
  }

  #digestAt(field: number): number {
    const start = this.fieldStart[field]!;
    const end = this.fieldEnd[field]!;
    if (this.template.fields[field] === 'd') return start;
    const stop = Math.min(end, start + MAX_DIGEST_NAME);
    let at = start;
    while (at < stop && this.data[at] !== 0) at += 1;
    const sound = at < stop && at - start > 1 && this.data[at - 1] === COLON;
    return sound && end - at - 1 <= MAX_DIGEST ? at + 1 : -1;
  }

  /** The data of an entry of the template `ima`: its digest, then its name in 256 bytes. */
  protected padLegacy(from: Buffer, digestStart: number, nameStart: number, nameEnd: number): void {
    // Behind it nothing is hashed but zeros, so that a NUL more would make another name of the same data.
    if (from.subarray(nameStart, nameEnd).includes(0))
      this.fail('IMA_FIELD', 'n', nameStart, 'a NUL');
    this.#paddedName ??= Buffer.alloc(LEGACY_DIGEST_SIZE + LEGACY_NAME_MAX + 1);
    const padded = this.#paddedName.fill(0);
    from.copy(padded, 0, digestStart, digestStart + LEGACY_DIGEST_SIZE);
    from.copy(padded, LEGACY_DIGEST_SIZE, nameStart, nameEnd);
    this.data = padded;
    this.dataStart = 0;
    this.dataEnd = padded.length;
    this.fieldStart[0] = 0;
    this.digestStart[0] = 0;
    this.fieldEnd[0] = LEGACY_DIGEST_SIZE;
    this.fieldStart[1] = LEGACY_DIGEST_SIZE;
    // With a NUL, as other templates have it.
    this.fieldEnd[1] = LEGACY_DIGEST_SIZE + nameEnd - nameStart + 1;
  }
}

const COLON = 0x3a;
/** `verity:streebog512:` and its NUL are 20. */
const MAX_DIGEST_NAME = 32;
const MAX_DIGEST = 64;
