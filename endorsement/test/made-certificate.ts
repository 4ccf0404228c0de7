import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  encodeCertificate,
  type EncodedExtension,
  encodeName,
  encodeTbsCertificate,
} from '@touchstone/endorsement';
import { contextPrimitive, DER } from '../der-reader.ts';
import { derOf, encodeOid, TRUE } from '../der-writer.ts';

/** A certificate made for a test, with its key. */
export type Made = {
  readonly name: string;
  readonly der: Uint8Array;
  readonly key: KeyObject;
  readonly spki: Uint8Array;
};

export const NOW = new Date('2026-11-22T12:00:00Z');
export const DAY_MS = 86_400_000;

const extension = (oid: string, critical: boolean, ...value: Uint8Array[]): EncodedExtension => ({
  oid,
  critical,
  value: derOf(DER.sequence, ...value),
});

export const ca = (pathLen?: number) =>
  extension(
    '2.5.29.19',
    true,
    TRUE,
    ...(pathLen === undefined ? [] : [derOf(DER.integer, Uint8Array.of(pathLen))]),
  );
export const notCa = extension('2.5.29.19', true);

/** The first octet of the bits, for instance 0x04 for keyCertSign. */
export const usage = (bits: number): EncodedExtension => ({
  oid: '2.5.29.15',
  critical: true,
  value: derOf(DER.bitString, Uint8Array.of(bits & 1 ? 0 : Math.log2(bits & -bits), bits)),
});
export const CERT_SIGN = usage(0x04);
export const CRL_SIGN = usage(0x02);

export const extendedUsage = (...oids: string[]) =>
  extension('2.5.29.37', false, ...oids.map(encodeOid));
export const unknown = (critical: boolean) => extension('1.2.3.4.5', critical);
export const nameConstraints = (critical: boolean) => extension('2.5.29.30', critical);
export const subjectKeyId = (id: Uint8Array): EncodedExtension => ({
  oid: '2.5.29.14',
  critical: false,
  value: derOf(DER.octetString, id),
});
export const authorityKeyId = (id: Uint8Array) =>
  extension('2.5.29.35', false, derOf(contextPrimitive(0), id));

export type MadeOptions = {
  /** Self-signed if absent. */
  readonly issuer?: Made;
  /** Who signs, if not the issuer. */
  readonly signer?: Made;
  readonly extensions?: readonly EncodedExtension[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly subject?: Uint8Array;
};

export function makeCertificate(name: string, options: MadeOptions = {}): Made {
  const keys = options.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = keys.publicKey.export({ format: 'der', type: 'spki' });
  const signer = options.signer ?? options.issuer;
  const signingKey = signer?.key ?? keys.privateKey;
  const algorithm = signingKey.asymmetricKeyType === 'rsa' ? 'rsa-sha256' : 'ecdsa-sha256';
  const tbs = encodeTbsCertificate({
    serial: Buffer.concat([Uint8Array.of(0x41), randomBytes(15)]),
    signatureAlgorithm: algorithm,
    issuer: encodeName({ commonName: options.issuer?.name ?? name }),
    subject: options.subject ?? encodeName({ commonName: name }),
    notBefore: options.notBefore ?? new Date(NOW.getTime() - DAY_MS),
    notAfter: options.notAfter ?? new Date(NOW.getTime() + DAY_MS),
    spki,
    extensions: options.extensions ?? [ca(), CERT_SIGN],
  });
  const der = encodeCertificate(tbs, algorithm, sign('sha256', tbs, signingKey));
  return { name, der, key: keys.privateKey, spki };
}
