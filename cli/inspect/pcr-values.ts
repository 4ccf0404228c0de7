import { JsonError, parseStrictJson } from '@touchstone/schemas';
import { type BankName, hashOfBank, ParseError, type PcrValues } from '@touchstone/tpm';

const BANKS: readonly BankName[] = ['sha1', 'sha256', 'sha384', 'sha512', 'sm3_256'];
const MAX_BYTES = 65_536;

/**
 * PCR values in the form that evidence has them: `{"sha256": {"0": "<hex>"}}`.
 *
 * @throws ParseError PCRS_MALFORMED, and the codes of strict JSON
 */
export function readPcrValues(bytes: Uint8Array): PcrValues {
  return new Map(
    entriesOf(jsonOf(bytes), '').map(([name, values]) => {
      const bank = BANKS.find((known) => known === name) ?? refuse(name);
      const read = entriesOf(values, name).map(
        ([pcr, value]) => [pcrIndex(pcr, bank), pcrValue(value, bank, pcr)] as const,
      );
      return [bank, new Map(read)] as const;
    }),
  );
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes, { maxBytes: MAX_BYTES, maxDepth: 2 });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new ParseError(error.code, 'JSON', error.offset);
  }
}

function entriesOf(value: unknown, field: string): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value);
  }
  return refuse(field);
}

function pcrIndex(text: string, bank: BankName): number {
  return /^([12]?[0-9]|3[01])$/u.test(text) ? Number(text) : refuse(`${bank}.${text}`);
}

function pcrValue(value: unknown, bank: BankName, pcr: string): Uint8Array {
  const isHex = typeof value === 'string' && /^([0-9a-f]{2})+$/iu.test(value);
  const bytes = isHex ? Buffer.from(value, 'hex') : undefined;
  return bytes?.length === hashOfBank(bank).size ? bytes : refuse(`${bank}.${pcr}`);
}

function refuse(field: string): never {
  throw new ParseError('PCRS_MALFORMED', field, 0);
}
