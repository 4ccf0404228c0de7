import type { Certificate } from './certificate.ts';
import { contextConstructed, contextPrimitive, DER, DerReader } from './der-reader.ts';
import { booleanOf, readBitString, readOid, readSmallInteger } from './der-types.ts';
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
  certificate: Certificate,
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

/** Reads a whole extension's value, if it is there. */
export function decode<T>(
  certificate: Certificate,
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
