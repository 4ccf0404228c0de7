import { contextConstructed, contextPrimitive, DER, DerReader } from './der-reader.ts';
import { booleanOf, readOctetsOfBits, readOid, readSerialOctets } from './der-types.ts';
import { readSmallInteger, readTime } from './der-types.ts';
import { type DistinguishedName, readName } from './distinguished-name.ts';
import { malformed } from './malformed.ts';
import type { AlgorithmIdentifier } from './signature-scheme.ts';

/** Real ones have one to two kilobytes. */
const MAX_CERTIFICATE_BYTES = 16_384;
const MAX_EXTENSIONS = 64;

export type Extension = {
  readonly oid: string;
  readonly critical: boolean;
  /** What is in the OCTET STRING: DER of the extension's own type. */
  readonly value: Uint8Array;
};

/** Certificate: RFC 5280, 4.1. Read, and nothing about it believed yet. */
export type Certificate = {
  /** Exactly the certificate, whatever lay around it. */
  readonly der: Uint8Array;
  /** What the signature is over. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** As on the wire: two's complement, big-endian. */
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo */
  readonly spki: Uint8Array;
  readonly extensions: ReadonlyMap<string, Extension>;
};

/** A whole certificate in DER. Throws ParseError; no byte may follow. */
export function parseCertificate(der: Uint8Array): Certificate {
  const reader = new DerReader(der);
  const certificate = readCertificate(reader);
  reader.end('Certificate');
  return certificate;
}

/** The certificate that comes next. Throws ParseError. */
export function readCertificate(reader: DerReader): Certificate {
  const outer = reader.expect(DER.sequence, 'Certificate');
  if (outer.encoded.length > MAX_CERTIFICATE_BYTES) {
    const detail = `${outer.encoded.length} bytes, at most ${MAX_CERTIFICATE_BYTES}`;
    throw malformed('TOO_LARGE', 'Certificate', outer.offset, detail);
  }
  const fields = outer.children();
  const tbs = fields.expect(DER.sequence, 'tbsCertificate');
  const algorithm = fields.expect(DER.sequence, 'signatureAlgorithm');
  const signature = readOctetsOfBits(fields, 'signature');
  fields.end('Certificate');

  const body = tbs.children();
  const version = readVersion(body);
  const serial = readSerialOctets(body, 'serialNumber');
  const inner = body.expect(DER.sequence, 'tbsCertificate.signature');
  if (Buffer.compare(inner.encoded, algorithm.encoded) !== 0) {
    throw malformed('SIGNATURE_ALGORITHM_MISMATCH', 'signatureAlgorithm', algorithm.offset);
  }
  const issuer = readName(body, 'issuer');
  const validity = body.sequence('validity');
  const notBefore = readTime(validity, 'notBefore');
  const notAfter = readTime(validity, 'notAfter');
  validity.end('validity');
  const subject = readName(body, 'subject');
  const spki = body.expect(DER.sequence, 'subjectPublicKeyInfo').encoded;
  body.optional(contextPrimitive(1), 'issuerUniqueID');
  body.optional(contextPrimitive(2), 'subjectUniqueID');
  const extensions = readExtensions(body, version);
  body.end('tbsCertificate');

  const signatureAlgorithm = readAlgorithm(algorithm.children());
  return {
    ...{ der: outer.encoded, tbs: tbs.encoded, version, serial, signatureAlgorithm, signature },
    ...{ issuer, subject, notBefore, notAfter, spki, extensions },
  };
}

function readVersion(body: DerReader): 1 | 2 | 3 {
  const { offset } = body;
  const explicit = body.optional(contextConstructed(0), 'version')?.children();
  if (!explicit) return 1;
  const version = readSmallInteger(explicit, 'version') + 1;
  explicit.end('version');
  if (version === 1 || version === 2 || version === 3) return version;
  throw malformed('BAD_CERTIFICATE', 'version', offset, `v${version}`);
}

/** AlgorithmIdentifier: RFC 5280, 4.1.1.2. */
export function readAlgorithm(fields: DerReader): AlgorithmIdentifier {
  const oid = readOid(fields, 'signatureAlgorithm.algorithm');
  const parameters = fields.remaining === 0 ? null : fields.any('signatureAlgorithm.parameters');
  fields.end('signatureAlgorithm');
  return { oid, parameters: parameters?.encoded ?? null };
}

function readExtensions(body: DerReader, version: number): ReadonlyMap<string, Extension> {
  const { offset } = body;
  const explicit = body.optional(contextConstructed(3), 'extensions')?.children();
  if (!explicit) return new Map();
  if (version !== 3) {
    throw malformed('BAD_CERTIFICATE', 'extensions', offset, `in a v${version} certificate`);
  }
  const list = explicit.sequence('extensions');
  explicit.end('extensions');
  return readExtensionList(list);
}

/** Extensions: RFC 5280, 4.1.2.9 and 4.2. An explicit FALSE is read: it is common, though no DER. */
export function readExtensionList(list: DerReader): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  while (list.remaining > 0) {
    const start = list.offset;
    const fields = list.sequence('extension');
    const oid = readOid(fields, 'extnID');
    const flag = fields.optional(DER.boolean, `${oid}.critical`);
    const critical = flag !== undefined && booleanOf(flag, `${oid}.critical`);
    const value = fields.expect(DER.octetString, `${oid}.extnValue`).contents;
    fields.end('extension');
    if (extensions.has(oid)) throw malformed('DUPLICATE_EXTENSION', oid, start);
    if (extensions.size === MAX_EXTENSIONS) throw malformed('TOO_LARGE', 'extensions', start);
    extensions.set(oid, { oid, critical, value });
  }
  return extensions;
}

/** How findings name a certificate: by its subject, or, as an EK certificate often has none, its serial. */
export function labelOf({ subject, serial }: Certificate): string {
  return subject.text === '' ? `serial ${Buffer.from(serial).toString('hex')}` : subject.text;
}
