import type { Certificate, Extension } from './certificate.ts';
import { contextConstructed, contextPrimitive, DER, DerReader } from './der-reader.ts';
import {
  booleanOf,
  readBitString,
  readIntegerOctets,
  readOid,
  readSmallInteger,
} from './der-types.ts';
import { malformed } from './malformed.ts';
import { EXTENSION } from './oids.ts';

/** BasicConstraints: RFC 5280, 4.2.1.9. Absent from the certificate: undefined. */
export function basicConstraints(
  certificate: Certificate,
): { readonly ca: boolean; readonly pathLen?: number } | undefined {
  return decode(certificate, EXTENSION.basicConstraints, (reader, field) => {
    const fields = reader.sequence(field);
    const flag = fields.optional(DER.boolean, `${field}.cA`);
    const ca = flag !== undefined && booleanOf(flag, `${field}.cA`);
    const limited = fields.remaining > 0;
    const pathLen = limited ? readSmallInteger(fields, `${field}.pathLenConstraint`) : 0;
    fields.end(field);
    return limited ? { ca, pathLen } : { ca };
  });
}

/** KeyUsage: RFC 5280, 4.2.1.3, in the order of its bits. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

export function keyUsage(certificate: Certificate): readonly KeyUsage[] | undefined {
  return decode(certificate, EXTENSION.keyUsage, (reader, field) => {
    const { bytes } = readBitString(reader, field);
    return KEY_USAGES.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
  });
}

/** ExtKeyUsageSyntax: RFC 5280, 4.2.1.12. */
export function extendedKeyUsage(certificate: Certificate): readonly string[] | undefined {
  return decode(certificate, EXTENSION.extendedKeyUsage, (reader, field) => {
    const list = reader.sequence(field);
    const usages: string[] = [];
    do usages.push(readOid(list, field));
    while (list.remaining > 0);
    return usages;
  });
}

/** certificatePolicies: RFC 5280, 4.2.1.4, without their qualifiers. */
export function certificatePolicies(certificate: Certificate): readonly string[] | undefined {
  return decode(certificate, EXTENSION.certificatePolicies, (reader, field) => {
    const list = reader.sequence(field);
    const policies: string[] = [];
    do {
      const information = list.sequence(`${field}.policyInformation`);
      policies.push(readOid(information, `${field}.policyIdentifier`));
      information.optional(DER.sequence, `${field}.policyQualifiers`);
      information.end(`${field}.policyInformation`);
    } while (list.remaining > 0);
    return policies;
  });
}

/** SubjectKeyIdentifier: RFC 5280, 4.2.1.2, in hex. */
export function subjectKeyId(certificate: Certificate): string | undefined {
  return decode(certificate, EXTENSION.subjectKeyIdentifier, (reader, field) =>
    Buffer.from(reader.expect(DER.octetString, field).contents).toString('hex'),
  );
}

/** AuthorityKeyIdentifier: RFC 5280, 4.2.1.1: its key identifier in hex, and whether there is more. */
export function authorityKeyId(
  certificate: Extended,
): { readonly keyId: string | undefined; readonly only: boolean } | undefined {
  return decode(certificate, EXTENSION.authorityKeyIdentifier, (reader, field) => {
    const fields = reader.sequence(field);
    const keyId = fields.optional(contextPrimitive(0), `${field}.keyIdentifier`);
    const only = fields.remaining === 0;
    fields.optional(contextConstructed(1), `${field}.authorityCertIssuer`);
    fields.optional(contextPrimitive(2), `${field}.authorityCertSerialNumber`);
    fields.end(field);
    return { keyId: keyId && Buffer.from(keyId.contents).toString('hex'), only };
  });
}

/**
 * CRLDistributionPoints: RFC 5280, 4.2.1.13. Of all it may be, one point with one URL and nothing beside; a name relative
 * to the issuer, reasons or another CRL issuer are BAD_CERTIFICATE.
 */
export function crlDistributionPoint(certificate: Extended): string | undefined {
  return decode(certificate, EXTENSION.cRLDistributionPoints, (reader, field) => {
    const points = reader.sequence(field);
    const point = points.sequence(`${field}.distributionPoint`);
    const url = readPointName(point, field);
    point.end(`${field}.distributionPoint`);
    points.end(field);
    return url;
  });
}

/** IssuingDistributionPoint: RFC 5280, 5.2.5, with one URL: a list of all reasons and all kinds of certificate. */
export function issuingDistributionPoint(list: Extended): string | undefined {
  return decode(list, EXTENSION.issuingDistributionPoint, (reader, field) => {
    const fields = reader.sequence(field);
    const url = readPointName(fields, field);
    fields.end(field);
    return url;
  });
}

/** DistributionPointName as fullName of one uniformResourceIdentifier, in printable ASCII. */
function readPointName(fields: DerReader, field: string): string {
  const name = fields.expect(contextConstructed(0), `${field}.name`).children();
  const full = name.expect(contextConstructed(0), `${field}.fullName`).children();
  name.end(`${field}.name`);
  const { contents, offset } = full.expect(contextPrimitive(6), `${field}.uri`);
  full.end(`${field}.fullName`);
  const url = Buffer.from(contents).toString('latin1');
  if (/^[\x21-\x7e]{1,1024}$/.test(url)) return url;
  throw malformed('BAD_CERTIFICATE', field, offset, 'no URL');
}

/** CRLNumber: RFC 5280, 5.2.3. */
export function crlNumber(list: Extended): bigint | undefined {
  return decode(list, EXTENSION.cRLNumber, (reader, field) => {
    const { offset } = reader;
    const octets = readIntegerOctets(reader, field);
    if (octets.length <= 20 && (octets[0] ?? 0x80) < 0x80) {
      return BigInt(`0x${Buffer.from(octets).toString('hex')}`);
    }
    throw malformed('BAD_CERTIFICATE', field, offset, 'number out of range');
  });
}

/** A certificate, or whatever else has extensions. */
export type Extended = { readonly extensions: ReadonlyMap<string, Extension> };

/** Reads a whole extension's value, if it is there. */
export function decode<T>(
  certificate: Extended,
  oid: string,
  read: (reader: DerReader, field: string) => T,
): T | undefined {
  const extension = certificate.extensions.get(oid);
  if (!extension) return undefined;
  const field = fieldOf(oid);
  if (extension.value.length === 0) throw malformed('BAD_DER', field, 0, 'empty extension');
  const reader = new DerReader(extension.value);
  const value = read(reader, field);
  reader.end(field);
  return value;
}

function fieldOf(oid: string): string {
  return Object.entries(EXTENSION).find(([, known]) => known === oid)?.[0] ?? oid;
}
