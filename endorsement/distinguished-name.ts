import { DER, type DerReader, type DerValue } from './der-reader.ts';
import { readOid } from './der-types.ts';
import { malformed } from './malformed.ts';

export type NameAttribute = { readonly oid: string; readonly value: string };

/** Name: RFC 5280, 4.1.2.4. */
export type DistinguishedName = {
  readonly encoded: Uint8Array;
  /** One list an RDN, in the order of the certificate. */
  readonly rdns: readonly (readonly NameAttribute[])[];
  /** RFC 4514: `CN=a,O=b`, the last RDN of the certificate first; '' if there is no name. */
  readonly text: string;
  /** Whether each RDN is in the order that DER has for a SET OF: X.690, 11.6. */
  readonly ordered: boolean;
  /** Equal exactly when two names are the same by RFC 5280, 7.1. */
  readonly comparable: string;
};

/** RFC 4514, 3: the whole table. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
};

/** SETs out of DER's order are read too: some makers' are. */
export function readName(reader: DerReader, field: string): DistinguishedName {
  return nameOfValue(reader.expect(DER.sequence, field), field);
}

export function nameOfValue(value: DerValue, field: string): DistinguishedName {
  const rdns: NameAttribute[][] = [];
  let ordered = true;
  const names = value.children();
  while (names.remaining > 0) {
    const set = names.expect(DER.set, `${field}.rdn`).children();
    const attributes: NameAttribute[] = [];
    let before: Uint8Array | undefined;
    do {
      const pair = set.expect(DER.sequence, `${field}.attribute`);
      if (before && Buffer.compare(before, pair.encoded) > 0) ordered = false;
      before = pair.encoded;
      attributes.push(readAttribute(pair.children(), field));
    } while (set.remaining > 0);
    rdns.push(attributes);
  }
  return {
    encoded: value.encoded,
    rdns,
    text: rdns
      .toReversed()
      .map((rdn) => rdn.map(attributeText).join('+'))
      .join(','),
    ordered,
    comparable: JSON.stringify(rdns.map((rdn) => rdn.map(comparableAttribute).toSorted())),
  };
}

function readAttribute(pair: DerReader, field: string): NameAttribute {
  const oid = readOid(pair, `${field}.type`);
  const value = stringOf(pair.any(`${field}.value`), `${field}.value`);
  pair.end(`${field}.attribute`);
  return { oid, value };
}

/** DirectoryString and IA5String: RFC 5280, 4.1.2.4; and the plain ones of X.680, 41, which makers use too. */
function stringOf({ tag, contents, offset }: DerValue, field: string): string {
  const bytes = Buffer.from(contents);
  switch (tag) {
    case DER.printableString:
    case DER.ia5String:
    case DER.numericString:
    case DER.visibleString:
    case DER.teletexString:
      return bytes.toString('latin1');
    case DER.utf8String:
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        throw malformed('BAD_CERTIFICATE', field, offset, 'not UTF-8');
      }
    case DER.bmpString:
      if (bytes.length % 2 !== 0) break;
      return bytes.swap16().toString('utf16le');
    case DER.universalString: {
      const text = textOfUtf32(bytes);
      if (text === undefined) break;
      return text;
    }
  }
  throw malformed('BAD_CERTIFICATE', field, offset, `string type 0x${tag.toString(16)}`);
}

/** Four octets a character: X.690, 8.23.7. undefined for what is no character. */
function textOfUtf32(bytes: Buffer): string | undefined {
  if (bytes.length % 4 !== 0) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const point = bytes.readUInt32BE(at);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** Escaped as RFC 4514, 2.4, so that no name can pass for two; control characters never come out raw. */
function attributeText({ oid, value }: NameAttribute): string {
  const escaped = value
    .replace(/[,+"\\<>;]/g, '\\$&')
    .replace(/^[ #]|(?<!^) $/g, '\\$&')
    // oxlint-disable-next-line no-control-regex -- these are the ones to be escaped
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
      const hex = Buffer.from(character, 'utf8').toString('hex');
      return hex.replace(/../g, '\\$&');
    });
  return `${SHORT_NAMES[oid] ?? oid}=${escaped}`;
}

/** RFC 5280, 7.1: case and runs of spaces do not count, nor does the type of the string. */
function comparableAttribute({ oid, value }: NameAttribute): string {
  const folded = value.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase();
  return JSON.stringify([oid, folded]);
}
