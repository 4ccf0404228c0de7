import { ParseError, Reader } from '@touchstone/tpm';
import { CborReader } from './cbor-reader.ts';
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

// TCG CEL 1.0, 5.4: keys of a record, of a digest, of an event.
const RECNUM = 0;
const PCR = 1;
const NV_INDEX = 2;
const DIGESTS = 3;
const CONTENT_TYPE = 9;
const CONTENT = 10;
const PCCLIENT_STD = 5;
const MAX_KEYS = 16;

/** CEL-CBOR: TCG CEL 1.0, 5.4. An array of maps whose keys are numbers, in rising order as CEL has them. */
export function parseCelCbor(bytes: Uint8Array, { maxRecords }: CelLimits): readonly CelRecord[] {
  const reader = new CborReader(new Reader(bytes));
  const count = reader.array('records');
  if (count > maxRecords) throw new ParseError('CEL_RECORDS', 'records', 0, `${count}`);
  const records: CelRecord[] = [];
  for (let index = 0; index < count; index++) records.push(readRecord(reader, index));
  reader.end('records');
  return records;
}

type Parts = {
  register?: CelRegister;
  digests?: CelRecord['digests'];
  type?: number;
  read?: { readonly content: CelContent; readonly data: Uint8Array | undefined };
};

function readRecord(reader: CborReader, index: number): CelRecord {
  const field = `records[${index}]`;
  const { offset } = reader;
  const parts: Parts = {};
  readPairs(reader, field, (key) => readPart(reader, field, key, parts));
  const { register, digests, read } = parts;
  if (register === undefined || digests === undefined || read === undefined) {
    throw new ParseError('CEL_RECORD', field, offset, 'a part is absent');
  }
  const { content, data } = read;
  return { index, register, digests, content, basis: celBasis(digests, data ? [data] : []) };
}

/** Each key once, in rising order: so that nothing said twice means two things. */
function readPairs(reader: CborReader, field: string, read: (key: number) => void): void {
  const { offset } = reader;
  const count = reader.map(field);
  if (count > MAX_KEYS) throw new ParseError('CEL_RECORD', field, offset, `${count} keys`);
  let last = -1;
  for (let at = 0; at < count; at++) {
    const start = reader.offset;
    const key = reader.number(field);
    if (key <= last) throw new ParseError('CEL_RECORD', field, start, `key ${key} after ${last}`);
    last = key;
    read(key);
  }
}

function readPart(reader: CborReader, within: string, key: number, parts: Parts): void {
  const { offset } = reader;
  switch (key) {
    case RECNUM:
      reader.number(`${within}.recnum`);
      return;
    case PCR:
    case NV_INDEX: {
      const field = `${within}.pcr`;
      const kind = key === PCR ? 'pcr' : 'nv';
      parts.register = celRegister(kind, reader.number(field), { field, offset });
      return;
    }
    case DIGESTS:
      parts.digests = readDigests(reader, `${within}.digests`);
      return;
    case CONTENT_TYPE:
      parts.type = reader.number(`${within}.content_type`);
      return;
    case CONTENT:
      parts.read = readContent(reader, `${within}.content`, parts.type);
      return;
    default:
      throw new ParseError('CEL_RECORD', within, offset, `key ${key}`);
  }
}

function readDigests(reader: CborReader, field: string): CelRecord['digests'] {
  const digests = new Digests();
  for (let left = reader.array(field); left > 0; left--) {
    const { offset } = reader;
    let alg: number | undefined;
    let digest: Uint8Array | undefined;
    readPairs(reader, field, (key) => {
      if (key === 0) alg = reader.number(field);
      else digest = reader.bytes(field);
    });
    if (alg === undefined || digest === undefined) {
      throw new ParseError('CEL_RECORD', field, offset, 'no digest');
    }
    const { bank, size } = bankOfAlgorithm(alg);
    digests.add(bank, digest, { field, offset }, size);
  }
  return digests.finish();
}

function readContent(
  reader: CborReader,
  field: string,
  type: number | undefined,
): NonNullable<Parts['read']> {
  const start = reader.offset;
  if (type === undefined) throw new ParseError('CEL_RECORD', field, start, 'of no type');
  if (type !== PCCLIENT_STD) {
    reader.skip(field);
    return { content: { kind: 'other', type }, data: undefined };
  }
  let claimedType: number | undefined;
  let data: Uint8Array | undefined;
  readPairs(reader, field, (key) => {
    if (key === 0) claimedType = reader.number(`${field}.event_type`);
    else data = reader.bytes(`${field}.event_data`);
  });
  if (claimedType === undefined || data === undefined) {
    throw new ParseError('CEL_RECORD', field, start, 'no event');
  }
  return { content: { kind: 'pcclient', claimedType, data }, data };
}
