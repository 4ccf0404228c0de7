import { hash } from 'node:crypto';
import { type BankName, hashOfBank, ParseError } from '@touchstone/tpm';
import { AsciiImaCursor } from './ascii-ima-list.ts';
import { BinaryImaCursor } from './binary-ima-list.ts';
import type { ImaCursor } from './ima-cursor.ts';
import type { ImaDigest, ImaEntry, ImaListForm, ImaListFormat } from './ima-entry.ts';
import { IMA_LIMITS, type ImaLimits } from './ima-limits.ts';
import { dataOf } from './ima-replay.ts';

/** Of the column of template digests; of two of one size the first entry tells. */
const DIGEST_BANKS: readonly BankName[] = ['sha1', 'sha256', 'sm3_256', 'sha384', 'sha512'];

export type ImaListOptions = Partial<ImaLimits> & {
  /** What an earlier part of the same list was found to be. */
  readonly digestBank?: BankName | undefined;
};

/**
 * A list, or a part of one that begins and ends between entries, of either format: told by its content. Its
 * entries are walked by the cursor. No bytes are a list without entries.
 *
 * Throws ParseError with a code of EVENTLOG_CODES, or TRUNCATED or TRAILING_BYTES; so does the cursor.
 */
export function openImaList(list: Uint8Array, options: ImaListOptions = {}): ImaCursor {
  const { digestBank, ...given } = options;
  const limits = { ...IMA_LIMITS, ...given };
  if (list.length > limits.maxBytes) {
    throw new ParseError('IMA_TOO_LARGE', 'list', limits.maxBytes, `${list.length} bytes`);
  }
  const bytes = Buffer.from(list.buffer, list.byteOffset, list.byteLength);
  const format = formatOf(bytes);
  const banks = digestBank === undefined ? DIGEST_BANKS : [digestBank];
  const open = (bank: BankName) => cursorOf(bytes, { format, digestBank: bank }, limits);
  if (bytes.length === 0) return open(digestBank ?? 'sha1');
  const fitting = banks.filter((bank) => readsFirst(open(bank)));
  // What is none of them is refused for what is wrong with it as the commonest of them.
  const bank = fitting.find((one) => explainsFirst(open(one))) ?? fitting[0] ?? banks[0]!;
  return open(bank);
}

/** The entries of a list, one at a time. For a whole list's PCRs use replayImaList, which makes no objects. */
export function* imaEntries(list: Uint8Array, options: ImaListOptions = {}): Generator<ImaEntry> {
  const cursor = openImaList(list, options);
  while (cursor.next()) yield entryAt(cursor);
}

const cursorOf = (bytes: Buffer, form: ImaListForm, limits: ImaLimits): ImaCursor =>
  form.format === 'ascii'
    ? new AsciiImaCursor(bytes, form, limits)
    : new BinaryImaCursor(bytes, form, limits);

/** A little-endian PCR begins one format, its decimal digits the other. */
function formatOf(bytes: Buffer): ImaListFormat {
  const [first = 0, second = 0] = bytes;
  if (bytes.length === 0 || (first < 24 && second === 0)) return 'binary';
  if (first === 0x20 || (first >= 0x30 && first <= 0x39)) return 'ascii';
  throw new ParseError('IMA_FORMAT', 'list', 0);
}

function readsFirst(cursor: ImaCursor): boolean {
  try {
    return cursor.next();
  } catch (error) {
    if (error instanceof ParseError) return false;
    throw error;
  }
}

/** Whether the first entry that is no violation has the digest that its column says. */
function explainsFirst(cursor: ImaCursor): boolean {
  while (readsFirst(cursor)) {
    if (!cursor.violation) return hasOwnDigest(cursor);
    if (cursor.index > 64) return false;
  }
  return false;
}

/** Whether the column's digest is that of the entry's data. Of a violation it never is. */
export function hasOwnDigest(cursor: ImaCursor, data: Uint8Array = dataOf(cursor)): boolean {
  const { templateDigest, templateDigestStart: at } = cursor;
  const digest = hash(cursor.columnHash, data, 'binary');
  for (let byte = 0; byte < digest.length; byte += 1) {
    if (digest.charCodeAt(byte) !== templateDigest[at + byte]) return false;
  }
  return true;
}

/** The entry as an object of its own. */
export function entryAt(cursor: ImaCursor): ImaEntry {
  const { template, index, offset, pcr, violation, templateDigestStart: at } = cursor;
  const size = hashOfBank(cursor.form.digestBank).size;
  // A scratch of the cursor's is written over by its next entry.
  const own = cursor.form.format === 'binary' && !template.legacy;
  const whole = own ? cursor.data : Buffer.from(cursor.data.subarray(0, cursor.dataEnd));
  const column = cursor.templateDigest.subarray(at, at + size);
  const part = (field: number, less = 0) =>
    whole.subarray(cursor.fieldStart[field], cursor.fieldEnd[field]! - less);
  return {
    ...{ index, offset, pcr, violation, template: template.name },
    templateDigest: cursor.form.format === 'binary' ? column : Buffer.from(column),
    data: whole.subarray(cursor.dataStart, cursor.dataEnd),
    ...(template.digest < 0 ? {} : { digest: digestOf(cursor, template.digest, whole) }),
    ...(template.path < 0 ? {} : { name: part(template.path, 1) }),
    ...(template.signature < 0 ? {} : { signature: part(template.signature) }),
    ...(template.buffer < 0 ? {} : { buffer: part(template.buffer) }),
    ...(template.modsigDigest < 0 || part(template.modsigDigest).length === 0
      ? {}
      : { modsigDigest: digestOf(cursor, template.modsigDigest, whole) }),
    ...(template.modsig < 0 ? {} : { modsig: part(template.modsig) }),
  };
}

function digestOf(cursor: ImaCursor, field: number, bytes: Buffer): ImaDigest {
  const start = cursor.fieldStart[field]!;
  const at = cursor.digestStart[field]!;
  const value = bytes.subarray(at, cursor.fieldEnd[field]);
  if (at === start) return { algorithm: 'sha1', type: 'ima', value };
  const names = bytes.toString('latin1', start, at - 2).split(':');
  return {
    algorithm: names.at(-1) ?? '',
    type: names.length > 1 && names[0] === 'verity' ? 'verity' : 'ima',
    value,
  };
}
