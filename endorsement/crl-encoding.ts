import type { EncodedExtension } from './ak-certificate-extensions.ts';
import {
  type CertificateSignatureAlgorithm,
  encodeCertificate,
  encodeExtension,
  SIGNATURE_ALGORITHMS,
} from './certificate-encoding.ts';
import { contextConstructed, contextPrimitive, DER } from './der-reader.ts';
import { encodeDistributionPointName } from './distribution-point.ts';
import { derOf, encodeTime, encodeUnsigned } from './der-writer.ts';
import { EXTENSION } from './oids.ts';

/** CRLReason: RFC 5280, 5.3.1: those that we give. */
const REASONS = { unspecified: 0, keyCompromise: 1, superseded: 4, cessationOfOperation: 5 };

export type CrlReason = keyof typeof REASONS;

export type RevokedEntry = {
  /** Big-endian, positive. */
  readonly serial: Uint8Array;
  readonly at: Date;
  readonly reason: CrlReason;
};

export type TbsCertListFields = {
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  /** DER of a Name: the issuer certificate's subject as it stands there. */
  readonly issuer: Uint8Array;
  /** The issuer's subjectKeyIdentifier, in hex. */
  readonly issuerKeyId: string;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** 0 to 2^159 - 1: RFC 5280, 5.2.3. */
  readonly number: bigint;
  /** The issuing distribution point. Without it the list speaks of all that the issuer has issued. */
  readonly url?: string;
  readonly revoked: readonly RevokedEntry[];
};

/** TBSCertList v2: RFC 5280, 5.1.2: the bytes to be signed. */
export function encodeTbsCertList(fields: TbsCertListFields): Uint8Array {
  const { revoked } = fields;
  return derOf(
    DER.sequence,
    derOf(DER.integer, Uint8Array.of(1)),
    SIGNATURE_ALGORITHMS[fields.signatureAlgorithm],
    fields.issuer,
    encodeTime(fields.thisUpdate),
    encodeTime(fields.nextUpdate),
    // RFC 5280, 5.1.2.6: absent where nothing is revoked.
    ...(revoked.length === 0 ? [] : [derOf(DER.sequence, ...revoked.map(encodeEntry))]),
    derOf(contextConstructed(0), encodeExtensions(extensionsOf(fields))),
  );
}

/** CertificateList: RFC 5280, 5.1, which has the outer form of a certificate. */
export const encodeCertificateList: typeof encodeCertificate = encodeCertificate;

function extensionsOf({ issuerKeyId, number, url }: TbsCertListFields): EncodedExtension[] {
  if (number < 0n || number >= 1n << 159n) throw new RangeError('crl number');
  const keyId = derOf(contextPrimitive(0), Buffer.from(issuerKeyId, 'hex'));
  const extension = (oid: string, critical: boolean, value: Uint8Array) => ({
    oid,
    critical,
    value,
  });
  return [
    extension(EXTENSION.authorityKeyIdentifier, false, derOf(DER.sequence, keyId)),
    extension(EXTENSION.cRLNumber, false, encodeUnsigned(octetsOf(number))),
    ...(url === undefined
      ? []
      : [
          extension(
            EXTENSION.issuingDistributionPoint,
            true,
            derOf(DER.sequence, encodeDistributionPointName(url)),
          ),
        ]),
  ];
}

function encodeEntry({ serial, at, reason }: RevokedEntry): Uint8Array {
  // RFC 5280, 5.3.1: no extension rather than `unspecified`.
  const value = derOf(DER.enumerated, Uint8Array.of(REASONS[reason]));
  const extensions =
    reason === 'unspecified'
      ? []
      : [encodeExtensions([{ oid: EXTENSION.reasonCode, critical: false, value }])];
  return derOf(DER.sequence, encodeUnsigned(serial), encodeTime(at), ...extensions);
}

const encodeExtensions = (extensions: readonly EncodedExtension[]) =>
  derOf(DER.sequence, ...extensions.map(encodeExtension));

function octetsOf(number: bigint): Uint8Array {
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}
