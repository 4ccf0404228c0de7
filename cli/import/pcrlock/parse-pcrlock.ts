import { JsonError, parseStrictJson } from '@touchstone/schemas';
import { type BankName, hashOfBank, ParseError } from '@touchstone/tpm';

/** One expected measurement: systemd.pcrlock(5), after TCG's CEL-JSON. */
export type PcrlockRecord = {
  readonly pcr: number;
  /** Lower-case hex. */
  readonly digests: ReadonlyMap<BankName, string>;
};

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_RECORDS = 4_096;
const MAX_DIGESTS = 16;
const LAST_PCR = 23;
const BANKS: readonly BankName[] = ['sha1', 'sha256', 'sha384', 'sha512', 'sm3_256'];
/** Of CEL-JSON, and ignored here as systemd ignores them. */
const IGNORED = new Set(['recnum', 'content', 'content_type']);

/**
 * The records of a .pcrlock file, in its order: `{"records": [{"pcr", "digests": [{"hashAlg", "digest"}]}]}`,
 * or the list alone. JSON is read strictly; where a value is wrong the field is its JSON pointer, and the
 * offset that of the file's beginning.
 *
 * @throws ParseError PCRLOCK_JSON, PCRLOCK_SHAPE, PCRLOCK_TOO_LARGE
 */
export function parsePcrlock(bytes: Uint8Array): PcrlockRecord[] {
  const value = jsonOf(bytes);
  const records = Array.isArray(value) ? value : membersOf(value, '', ['records'])['records'];
  const at = Array.isArray(value) ? '' : '/records';
  if (!Array.isArray(records)) return fail(at, 'a list of records');
  if (records.length > MAX_RECORDS) throw new ParseError('PCRLOCK_TOO_LARGE', at || 'file', 0);
  return records.map((record: unknown, index) => recordOf(record, `${at}/${index}`));
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes, { maxBytes: MAX_BYTES, maxTokens: 1_000_000 });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const code = error.code === 'JSON_TOO_LARGE' ? 'PCRLOCK_TOO_LARGE' : 'PCRLOCK_JSON';
    throw new ParseError(code, error.code, error.offset);
  }
}

function recordOf(value: unknown, at: string): PcrlockRecord {
  const { pcr, digests } = membersOf(value, at, ['pcr', 'digests']);
  if (typeof pcr !== 'number' || !Number.isInteger(pcr) || pcr < 0 || pcr > LAST_PCR) {
    return fail(`${at}/pcr`, 'the number of a PCR');
  }
  if (!Array.isArray(digests) || digests.length > MAX_DIGESTS) {
    return fail(`${at}/digests`, 'a list of digests');
  }
  const found = new Map<BankName, string>();
  for (const [index, one] of digests.entries()) {
    const place = `${at}/digests/${index}`;
    const { hashAlg, digest } = membersOf(one, place, ['hashAlg', 'digest']);
    const bank = BANKS.find((name) => name === hashAlg);
    if (typeof hashAlg !== 'string') fail(`${place}/hashAlg`, 'the name of an algorithm');
    if (typeof digest !== 'string') return fail(`${place}/digest`, 'hexadecimal digits');
    if (bank === undefined) continue;
    if (!/^[0-9a-f]*$/iu.test(digest) || digest.length !== 2 * hashOfBank(bank).size) {
      fail(`${place}/digest`, `a digest of ${bank}`);
    }
    if (found.has(bank)) fail(place, `one digest of ${bank}`);
    found.set(bank, digest.toLowerCase());
  }
  return { pcr, digests: found };
}

function membersOf(
  value: unknown,
  at: string,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(at, 'an object');
  }
  const unknown = Object.keys(value).find((key) => !names.includes(key) && !IGNORED.has(key));
  if (unknown !== undefined) fail(`${at}/${unknown}`, 'no such member');
  return value as Record<string, unknown>;
}

function fail(at: string, expected: string): never {
  throw new ParseError('PCRLOCK_SHAPE', at === '' ? 'file' : at, 0, expected);
}
