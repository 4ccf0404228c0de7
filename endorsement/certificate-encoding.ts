import type { EncodedExtension } from './ak-certificate-extensions.ts';
import { contextConstructed, DER } from './der-reader.ts';
import { derOf, encodeBits, encodeOid, encodeText, encodeTime } from './der-writer.ts';
import { encodeUnsigned, NULL, TRUE } from './der-writer.ts';

/** AlgorithmIdentifier of a signature: RFC 5758, 3.2 and RFC 4055, 5. */
export const SIGNATURE_ALGORITHMS = {
  'ecdsa-sha256': derOf(DER.sequence, encodeOid('1.2.840.10045.4.3.2')),
  'ecdsa-sha384': derOf(DER.sequence, encodeOid('1.2.840.10045.4.3.3')),
  'rsa-sha256': derOf(DER.sequence, encodeOid('1.2.840.113549.1.1.11'), NULL),
} as const;

export type CertificateSignatureAlgorithm = keyof typeof SIGNATURE_ALGORITHMS;

const NAME_TYPES = { commonName: '2.5.4.3', organizationName: '2.5.4.10' } as const;

export type TbsCertificateFields = {
  /** Big-endian, positive, 1 to 20 octets: RFC 5280, 4.1.2.2. */
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  /** DER of a Name: the issuer certificate's subject as it stands there, or from `encodeName`. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly spki: Uint8Array;
  readonly extensions: readonly EncodedExtension[];
};

/** A Name with one attribute an RDN. */
export function encodeName(name: {
  readonly organizationName?: string;
  readonly commonName: string;
}): Uint8Array {
  const rdn = (type: string, value: string) =>
    derOf(DER.set, derOf(DER.sequence, encodeOid(type), encodeText(DER.utf8String, value)));
  const rdns = [rdn(NAME_TYPES.commonName, name.commonName)];
  if (name.organizationName !== undefined) {
    rdns.unshift(rdn(NAME_TYPES.organizationName, name.organizationName));
  }
  return derOf(DER.sequence, ...rdns);
}

/** TBSCertificate v3: RFC 5280, 4.1.2: the bytes to be signed. */
export function encodeTbsCertificate(fields: TbsCertificateFields): Uint8Array {
  const { serial, extensions } = fields;
  if (serial.length < 1 || serial.length > 20 || serial.every((octet) => octet === 0)) {
    throw new RangeError('serial');
  }
  return derOf(
    DER.sequence,
    derOf(contextConstructed(0), derOf(DER.integer, Uint8Array.of(2))),
    encodeUnsigned(serial),
    SIGNATURE_ALGORITHMS[fields.signatureAlgorithm],
    fields.issuer,
    derOf(DER.sequence, encodeTime(fields.notBefore), encodeTime(fields.notAfter)),
    fields.subject,
    fields.spki,
    derOf(contextConstructed(3), derOf(DER.sequence, ...extensions.map(encodeExtension))),
  );
}

/** Certificate: RFC 5280, 4.1. An ECDSA signature is the DER of r and s. */
export function encodeCertificate(
  tbs: Uint8Array,
  signatureAlgorithm: CertificateSignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array {
  const algorithm = SIGNATURE_ALGORITHMS[signatureAlgorithm];
  return derOf(DER.sequence, tbs, algorithm, encodeBits(signature));
}

/** Ecdsa-Sig-Value: RFC 3279, 2.2.3, of r and s as PKCS#11 and WebCrypto have them: one behind the other. */
export function encodeEcdsaSignature(rs: Uint8Array): Uint8Array {
  const half = rs.length / 2;
  const [r, s] = [rs.subarray(0, half), rs.subarray(half)];
  return derOf(DER.sequence, encodeUnsigned(r), encodeUnsigned(s));
}

export function encodeExtension({ oid, critical, value }: EncodedExtension): Uint8Array {
  const flag = critical ? [TRUE] : [];
  return derOf(DER.sequence, encodeOid(oid), ...flag, derOf(DER.octetString, value));
}
