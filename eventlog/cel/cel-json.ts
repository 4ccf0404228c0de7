import { type BankName, hashOfBank, ParseError } from '@touchstone/tpm';
import {
  celBasis,
  type CelContent,
  type CelLimits,
  type CelRecord,
  celRegister,
  type CelRegister,
  Digests,
} from './cel-record.ts';

const RECORD_SEPARATOR = 0x1e;
/** systemd's have some hundred bytes. */
const MAX_RECORD_BYTES = 65_536;

type Fields = Readonly<Record<string, unknown>>;
type Where = { readonly field: string; readonly offset: number };

/**
 * CEL-JSON: TCG CEL 1.0, 5.3; as systemd writes it a sequence of JSON texts (RFC 7464), else one array. A key
 * that comes twice counts as its last, which is bound by no less: what the digests cover is looked at.
 */
export function parseCelJson(bytes: Uint8Array, { maxRecords }: CelLimits): readonly CelRecord[] {
  return bytes[0] === RECORD_SEPARATOR
    ? parseSequence(bytes, maxRecords)
    : parseArray(bytes, maxRecords);
}

function parseSequence(bytes: Uint8Array, maxRecords: number): readonly CelRecord[] {
  const records: CelRecord[] = [];
  for (let offset = 1; offset <= bytes.length;) {
    const separator = bytes.indexOf(RECORD_SEPARATOR, offset);
    const end = separator < 0 ? bytes.length : separator;
    const where = { field: `records[${records.length}]`, offset };
    if (records.length >= maxRecords) throw tooMany(where, maxRecords);
    if (end - offset > MAX_RECORD_BYTES) throw malformed(where, `${end - offset} bytes`);
    records.push(recordOf(parseJson(bytes.subarray(offset, end), where), records.length, where));
    offset = end + 1;
  }
  return records;
}

function parseArray(bytes: Uint8Array, maxRecords: number): readonly CelRecord[] {
  const where = { field: 'records', offset: 0 };
  const list = parseJson(bytes, where);
  if (!Array.isArray(list)) throw malformed(where, 'no array');
  if (list.length > maxRecords) throw tooMany(where, maxRecords);
  return list.map((record: unknown, index) =>
    recordOf(record, index, { field: `records[${index}]`, offset: 0 }),
  );
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parseJson(bytes: Uint8Array, where: Where): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    throw malformed(where, error instanceof RangeError ? 'too deep' : 'no JSON');
  }
}

function recordOf(value: unknown, index: number, where: Where): CelRecord {
  const record = fieldsOf(value, where);
  const register = registerOf(record, where);
  const digests = digestsOf(record['digests'], within(where, 'digests'));
  const { content, spellings } = contentOf(record, where);
  return { index, register, digests, content, basis: celBasis(digests, spellings) };
}

function registerOf({ pcr, nv_index: nvIndex }: Fields, where: Where): CelRegister {
  if (typeof pcr === 'number') return celRegister('pcr', pcr, within(where, 'pcr'));
  if (typeof nvIndex === 'number') return celRegister('nv', nvIndex, within(where, 'nv_index'));
  throw malformed(within(where, 'pcr'), 'absent');
}

const BANKS: ReadonlySet<string> = new Set<BankName>([
  'sha1',
  'sha256',
  'sha384',
  'sha512',
  'sm3_256',
]);
const isBank = (name: string): name is BankName => BANKS.has(name);

function digestsOf(list: unknown, where: Where): CelRecord['digests'] {
  if (!Array.isArray(list)) throw malformed(where, 'no array');
  const digests = new Digests();
  for (const each of list) {
    const { hashAlg, digest } = fieldsOf(each, where);
    const isHex = typeof digest === 'string' && /^(?:[0-9a-f]{2})+$/iu.test(digest);
    if (typeof hashAlg !== 'string' || !isHex) throw malformed(where, 'no digest');
    const bank = isBank(hashAlg) ? hashAlg : null;
    const size = bank === null ? null : hashOfBank(bank).size;
    digests.add(bank, Buffer.from(digest, 'hex'), where, size);
  }
  return digests.finish();
}

type Read = { readonly content: CelContent; readonly spellings: readonly Uint8Array[] };

function contentOf({ content_type: type, content }: Fields, where: Where): Read {
  switch (type) {
    case 'systemd':
      return systemdContent(fieldsOf(content, within(where, 'content')), within(where, 'content'));
    case 'pcclient_std':
      return pcClientContent(fieldsOf(content, within(where, 'content')), within(where, 'content'));
    default:
      if (type !== undefined && typeof type !== 'string') {
        throw malformed(within(where, 'content_type'), 'no string');
      }
      return { content: { kind: 'other', type: type ?? '' }, spellings: [] };
  }
}

function systemdContent(fields: Fields, where: Where): Read {
  const string = optional(fields, 'string', isString, where);
  const eventType = optional(fields, 'eventType', isString, where);
  const bootId = optional(fields, 'bootId', isString, where);
  const timestampUs = optional(fields, 'timestamp', isNumber, where);
  return {
    content: {
      kind: 'systemd',
      ...(string !== undefined && { string }),
      ...(eventType !== undefined && { eventType }),
      ...(bootId !== undefined && { bootId }),
      ...(timestampUs !== undefined && { timestampUs }),
    },
    // What has no UTF-8 was not measured as it stands there.
    spellings: string?.isWellFormed() ? [Buffer.from(string, 'utf8')] : [],
  };
}

function pcClientContent(fields: Fields, where: Where): Read {
  const claimedType = fields['event_type'];
  const hex = fields['event_data'];
  const isHex = typeof hex === 'string' && /^(?:[0-9a-f]{2})*$/iu.test(hex);
  if (!isNumber(claimedType) || !isHex) throw malformed(where, 'no event');
  const data = Buffer.from(hex, 'hex');
  return { content: { kind: 'pcclient', claimedType, data }, spellings: [data] };
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function optional<T>(
  fields: Fields,
  name: string,
  is: (value: unknown) => value is T,
  where: Where,
): T | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (!is(value)) throw malformed(within(where, name), typeof value);
  return value;
}

function fieldsOf(value: unknown, where: Where): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(where, 'no object');
  }
  // Keys of the record's own alone: "__proto__" is a key like any other.
  return Object.assign(Object.create(null) as object, value) as Fields;
}

const within = ({ field, offset }: Where, name: string): Where => ({
  field: `${field}.${name}`,
  offset,
});

const malformed = ({ field, offset }: Where, detail: string): ParseError =>
  new ParseError('CEL_RECORD', field, offset, detail);

const tooMany = ({ field, offset }: Where, most: number): ParseError =>
  new ParseError('CEL_RECORDS', field, offset, `over ${most}`);
