import { ParseError, Reader } from '@touchstone/tpm';
import {
  bankOfAlgorithm,
  celBasis,
  type CelContent,
  type CelLimits,
  type CelRecord,
  celRegister,
  type CelRegister,
  Digests,
} from './cel-record.ts';

// TCG CEL 1.0, 4.2: types of a record's fields.
const RECNUM = 0;
const PCR = 1;
const NV_INDEX = 2;
const DIGESTS = 3;
const PCCLIENT_STD = 5;
/** Of a confidential VM's registers; Google's, and no TCG type. */
const CC_REGISTER = 108;

const PCCLIENT_EVENT_TYPE = 0;
const PCCLIENT_EVENT_DATA = 1;

/** CEL-TLV: TCG CEL 1.0, 5.1. A type in a byte, a length in four, big-endian, and the value. */
export function parseCelTlv(bytes: Uint8Array, { maxRecords }: CelLimits): readonly CelRecord[] {
  const reader = new Reader(bytes);
  const records: CelRecord[] = [];
  while (reader.remaining > 0) {
    if (records.length >= maxRecords) {
      throw new ParseError('CEL_RECORDS', 'records', reader.offset, `over ${maxRecords}`);
    }
    records.push(readRecord(reader, bytes, records.length));
  }
  return records;
}

function readRecord(reader: Reader, bytes: Uint8Array, index: number): CelRecord {
  const field = `records[${index}]`;
  const recnum = readTlv(reader, `${field}.recnum`);
  if (recnum.type !== RECNUM) {
    throw new ParseError('CEL_RECORD', `${field}.recnum`, recnum.start, `type ${recnum.type}`);
  }
  wholeNumber(recnum.value, `${field}.recnum`, 8);
  const register = readRegister(reader, field);
  const digests = readDigests(reader, field);
  const start = reader.offset;
  const content = readTlv(reader, `${field}.content`);
  // Some measure the content with its type and length, as TCG CEL 1.0 has it for what it adds itself.
  const whole = bytes.subarray(start, reader.offset);
  const { read, data } = contentOf(content, `${field}.content`);
  return { index, register, digests, content: read, basis: celBasis(digests, [data, whole]) };
}

type Tlv = { readonly type: number; readonly value: Reader; readonly start: number };

function readTlv(reader: Reader, field: string): Tlv {
  const start = reader.offset;
  const type = reader.u8(`${field}.type`);
  const length = reader.u32(`${field}.length`);
  return { type, value: reader.window(length, `${field}.value`), start };
}

/** Big-endian, in as few bytes as the writer liked. */
function wholeNumber(value: Reader, field: string, most: number): number {
  const { offset, remaining } = value;
  let number = 0n;
  if (remaining === 0 || remaining > most) throw new ParseError('CEL_RECORD', field, offset);
  while (value.remaining > 0) number = (number << 8n) | BigInt(value.u8(field));
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw new ParseError('CEL_RECORD', field, offset);
  return Number(number);
}

const KINDS: ReadonlyMap<number, CelRegister['kind']> = new Map([
  [PCR, 'pcr'],
  [NV_INDEX, 'nv'],
  [CC_REGISTER, 'cc'],
]);

function readRegister(reader: Reader, within: string): CelRegister {
  const field = `${within}.pcr`;
  const { type, value, start } = readTlv(reader, field);
  const kind = KINDS.get(type);
  if (kind === undefined) throw new ParseError('CEL_RECORD', field, start, `type ${type}`);
  return celRegister(kind, wholeNumber(value, field, 4), { field, offset: start });
}

function readDigests(reader: Reader, within: string): CelRecord['digests'] {
  const field = `${within}.digests`;
  const { type, value, start } = readTlv(reader, field);
  if (type !== DIGESTS) throw new ParseError('CEL_RECORD', field, start, `type ${type}`);
  const digests = new Digests();
  while (value.remaining > 0) {
    const each = readTlv(value, field);
    const { bank, size } = bankOfAlgorithm(each.type);
    const digest = each.value.bytes(each.value.remaining, field);
    digests.add(bank, digest, { field, offset: each.start }, size);
  }
  return digests.finish();
}

function contentOf(
  { type, value }: Tlv,
  field: string,
): { readonly read: CelContent; readonly data: Uint8Array } {
  if (type !== PCCLIENT_STD) {
    const data = value.bytes(value.remaining, field);
    return { read: { kind: 'other', type, data }, data };
  }
  const eventType = readTlv(value, `${field}.event_type`);
  const eventData = readTlv(value, `${field}.event_data`);
  value.end(field);
  if (eventType.type !== PCCLIENT_EVENT_TYPE || eventData.type !== PCCLIENT_EVENT_DATA) {
    throw new ParseError('CEL_RECORD', field, eventType.start);
  }
  const claimedType = wholeNumber(eventType.value, `${field}.event_type`, 4);
  const data = eventData.value.bytes(eventData.value.remaining, `${field}.event_data`);
  return { read: { kind: 'pcclient', claimedType, data }, data };
}
