import { type BankName, bankAlgorithm } from './hash.ts';
import { malformed } from './malformed.ts';
import { readHash } from './public-parameters.ts';
import type { Reader } from './reader.ts';
import { Writer } from './writer.ts';

/** TPML_PCR_SELECTION: Part 2, 10.9.7. Each bank at most once, its PCRs ascending; a bank may select none. */
export type PcrSelection = readonly { readonly bank: BankName; readonly pcrs: readonly number[] }[];

/** HASH_COUNT of the reference implementation: no TPM has more banks. */
const MAX_BANKS = 16;
/** PCR 0 to 31. Part 2, 10.6.1 lets sizeofSelect be anything; TPMs use 3. */
const MAX_SELECT_BYTES = 4;
const MIN_SELECT_BYTES = 3;

export function readTpmlPcrSelection(reader: Reader, field = 'pcrSelect'): PcrSelection {
  const count = reader.u32(`${field}.count`);
  if (count > MAX_BANKS) {
    throw malformed('TOO_MANY', `${field}.count`, reader.offset - 4, `${count} banks`);
  }
  const selection: { bank: BankName; pcrs: number[] }[] = [];
  for (let index = 0; index < count; index++) {
    const offset = reader.offset;
    const one = readTpmsPcrSelection(reader, `${field}.pcrSelections[${index}]`);
    if (selection.some(({ bank }) => bank === one.bank)) {
      throw malformed('DUPLICATE_BANK', `${field}.pcrSelections[${index}]`, offset, one.bank);
    }
    selection.push(one);
  }
  return selection;
}

export function encodeTpmlPcrSelection(selection: PcrSelection): Uint8Array {
  if (new Set(selection.map(({ bank }) => bank)).size !== selection.length) {
    throw new RangeError('a bank twice in a PCR selection');
  }
  const writer = new Writer().u32(selection.length);
  for (const { bank, pcrs } of selection) {
    const select = bitmapOf(pcrs);
    writer.u16(bankAlgorithm(bank)).u8(select.length).bytes(select);
  }
  return writer.finish();
}

/** TPMS_PCR_SELECTION: Part 2, 10.6.2. PCR i is bit i mod 8 of byte i div 8. */
function readTpmsPcrSelection(reader: Reader, field: string): { bank: BankName; pcrs: number[] } {
  const bank = readHash(reader, `${field}.hash`);
  const size = reader.u8(`${field}.sizeofSelect`);
  if (size < 1 || size > MAX_SELECT_BYTES) {
    throw malformed('BAD_SIZE', `${field}.sizeofSelect`, reader.offset - 1, `${size} bytes`);
  }
  const select = reader.bytes(size, `${field}.pcrSelect`);
  const pcrs: number[] = [];
  for (let pcr = 0; pcr < size * 8; pcr += 1) {
    if (((select[pcr >> 3] ?? 0) >> (pcr & 7)) & 1) pcrs.push(pcr);
  }
  return { bank, pcrs };
}

function bitmapOf(pcrs: readonly number[]): Uint8Array {
  const size = Math.max(MIN_SELECT_BYTES, ...pcrs.map((pcr) => (pcr >> 3) + 1));
  const select = new Uint8Array(size);
  for (const pcr of pcrs) {
    if (!Number.isInteger(pcr) || pcr < 0 || pcr >= MAX_SELECT_BYTES * 8) {
      throw new RangeError(`no PCR ${pcr}`);
    }
    select[pcr >> 3] = (select[pcr >> 3] ?? 0) | (1 << (pcr & 7));
  }
  return select;
}
