import { DER, type DerReader, type DerValue } from './der-reader.ts';
import { malformed } from './malformed.ts';

const MAX_OID_OCTETS = 64;

/** OBJECT IDENTIFIER: X.690, 8.19. Arcs of any size; 2.25 has some of 128 bits. */
export function readOid(reader: DerReader, field: string): string {
  return oidOf(reader.expect(DER.oid, field), field);
}

function oidOf({ contents, offset }: DerValue, field: string): string {
  const wrong = () => malformed('BAD_DER', field, offset, 'object identifier');
  if (contents.length === 0 || contents.length > MAX_OID_OCTETS) throw wrong();
  let dotted = '';
  let start = 0;
  for (let i = 0; i < contents.length; i++) {
    if (i === start && contents[i] === 0x80) throw wrong();
    if (((contents[i] ?? 0) & 0x80) !== 0) continue;
    const arc = arcOf(contents.subarray(start, i + 1));
    dotted += start === 0 ? firstArcs(arc) : `.${arc}`;
    start = i + 1;
  }
  if (start !== contents.length) throw wrong();
  return dotted;
}

/** An arc's octets, seven bits each: as a number where that is exact, for most of them are small. */
function arcOf(octets: Uint8Array): number | bigint {
  if (octets.length <= 7) return octets.reduce((arc, octet) => arc * 128 + (octet & 0x7f), 0);
  return octets.reduce((arc, octet) => (arc << 7n) | BigInt(octet & 0x7f), 0n);
}

function firstArcs(arc: number | bigint): string {
  if (arc < 80) return arc < 40 ? `0.${arc}` : `1.${Number(arc) - 40}`;
  return `2.${typeof arc === 'number' ? arc - 80 : arc - 80n}`;
}

/** INTEGER: X.690, 8.3, as its two's complement octets. Throws BAD_DER if they are not the fewest. */
export function readIntegerOctets(reader: DerReader, field: string): Uint8Array {
  const { contents, offset } = reader.expect(DER.integer, field);
  if (contents.length === 0 || isPadded(contents))
    throw malformed('BAD_DER', field, offset, 'integer');
  return contents;
}

/** CertificateSerialNumber, as it is on the wire: nothing is computed with it, and some makers' have octets too many. */
export function readSerialOctets(reader: DerReader, field: string): Uint8Array {
  const { contents, offset } = reader.expect(DER.integer, field);
  if (contents.length === 0) throw malformed('BAD_DER', field, offset, 'integer');
  return contents;
}

/** Whether an INTEGER has more octets than it needs. */
export function isPadded([first, second]: Uint8Array): boolean {
  if (second === undefined) return false;
  return (first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80);
}

/** A small INTEGER that is not negative. */
export function readSmallInteger(reader: DerReader, field: string): number {
  const { offset } = reader;
  const octets = readIntegerOctets(reader, field);
  if (octets.length > 4 || (octets[0] ?? 0) >= 0x80) {
    throw malformed('BAD_CERTIFICATE', field, offset, 'integer out of range');
  }
  return octets.reduce((value, octet) => value * 256 + octet, 0);
}

/** BOOLEAN: X.690, 11.1: in DER true is 0xFF. */
export function booleanOf({ contents, offset }: DerValue, field: string): boolean {
  const [octet] = contents;
  if (contents.length === 1 && (octet === 0 || octet === 0xff)) return octet === 0xff;
  throw malformed('BAD_DER', field, offset, 'boolean');
}

/** BIT STRING: X.690, 8.6 and 11.2. */
export function readBitString(
  reader: DerReader,
  field: string,
): { readonly bytes: Uint8Array; readonly unused: number } {
  const { contents, offset } = reader.expect(DER.bitString, field);
  const unused = contents[0] ?? 8;
  const bytes = contents.subarray(1);
  const padding = (bytes.at(-1) ?? 0) & ((1 << unused) - 1);
  if (unused > 7 || (unused > 0 && bytes.length === 0) || padding !== 0) {
    throw malformed('BAD_DER', field, offset, 'bit string');
  }
  return { bytes, unused };
}

/** A BIT STRING of whole octets: a key or a signature. */
export function readOctetsOfBits(reader: DerReader, field: string): Uint8Array {
  const { offset } = reader;
  const { bytes, unused } = readBitString(reader, field);
  if (unused !== 0) throw malformed('BAD_DER', field, offset, 'bits left over');
  return bytes;
}

/** Time: RFC 5280, 4.1.2.5: UTCTime until 2049, else GeneralizedTime, both in seconds and Zulu. */
export function readTime(reader: DerReader, field: string): Date {
  const value = reader.any(field);
  const text = Buffer.from(value.contents).toString('latin1');
  const wrong = () => malformed('BAD_CERTIFICATE', field, value.offset, 'time');
  let full: string;
  if (value.tag === DER.utcTime && /^\d{12}Z$/.test(text)) {
    full = (Number(text.slice(0, 2)) < 50 ? '20' : '19') + text;
  } else if (value.tag === DER.generalizedTime && /^\d{14}Z$/.test(text)) {
    full = text;
  } else {
    throw wrong();
  }
  const iso = full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const time = new Date(iso);
  // 30 February would be taken as 2 March.
  if (Number.isNaN(time.getTime()) || time.toISOString() !== iso) throw wrong();
  return time;
}
