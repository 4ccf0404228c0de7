import type { KeyObject } from 'node:crypto';
import { type Certificate, readCertificate } from './certificate.ts';
import { contextConstructed, DerReader } from './der-reader.ts';
import { isPadded } from './der-types.ts';
import { nameOfValue } from './distinguished-name.ts';
import { authorityKeyId, decode, extendedKeyUsage } from './extensions.ts';
import { malformed } from './malformed.ts';
import { unwrapNvCertificate } from './nv-wrapper.ts';
import { ANY_EXTENDED_KEY_USAGE, EXTENSION, TCG_OID } from './oids.ts';
import { isShortRsa, keyKindOf, publicKeyOfSpki } from './public-key.ts';
import { signatureSchemeOf } from './signature-scheme.ts';

/** What real EK certificates do beside the specifications and is read all the same. */
export type EkQuirk =
  | 'nv-wrapper'
  | 'trailing-bytes'
  /** A name that DER would have in another order. */
  | 'unordered-name'
  | 'rsaes-oaep-key'
  /** An RSA key of fewer than 2048 bits, which no chain and no EK may rest on. */
  | 'short-key'
  /** Signed with SHA-1: read, and no chain rests on such a signature. */
  | 'sha1-signature'
  | 'negative-serial'
  /** Of more than the 20 octets of RFC 5280, 4.1.2.2. */
  | 'long-serial'
  /** With octets that its number does not need: X.690, 8.3.2. */
  | 'padded-serial'
  | 'no-subject'
  /** As RFC 5280, 4.2.1.6 has it where there is no subject; many libraries then refuse the certificate. */
  | 'critical-subject-alt-name'
  | 'subject-directory-attributes'
  | 'no-authority-key-id'
  | 'no-eku'
  /** extKeyUsage without tcg-kp-EKCertificate. */
  | 'other-eku'
  | 'no-expiry';

/** An EK certificate, read. Who issued it is for `validatePath` to say. */
export type EkCertificate = {
  /** The certificate alone: out of its NV wrapper, cut at its own length. */
  readonly der: Uint8Array;
  readonly subject: string;
  readonly issuer: string;
  /** Hex, as on the wire. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  /** For people: `RSA-2048`, `ECC P-384`. */
  readonly keyKind: string;
  /** As the issuer wrote it, for instance `id:00001014`. It names the chip and decides nothing. */
  readonly tpm: {
    readonly manufacturer?: string;
    readonly model?: string;
    readonly version?: string;
  };
  /** Whether extKeyUsage says tcg-kp-EKCertificate. */
  readonly ekuTpmEk: boolean;
  readonly quirks: readonly EkQuirk[];
};

/** What extKeyUsage of an EK certificate says: the profile's, or anything. */
const FOR_EKS: readonly string[] = [TCG_OID.ekCertificate, ANY_EXTENDED_KEY_USAGE];
/** An NV index of a gigabyte is no certificate. */
const MAX_NV_BYTES = 65_536;
/** RFC 5280, 4.1.2.5: 99991231235959Z says that there is no expiry date. */
const NO_EXPIRY = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * The EK certificate in the bytes of an NV index: TCG EK Credential Profile 2.5, 2.2.1.4 and 3.2. An NV
 * index may be longer than its certificate; what follows is cut off. Throws ParseError, and nothing else.
 */
export function parseEkCertificate(bytes: Uint8Array): EkCertificate {
  if (bytes.length > MAX_NV_BYTES) throw malformed('TOO_LARGE', 'Certificate', 0);
  const unwrapped = unwrapNvCertificate(bytes);
  const reader = new DerReader(unwrapped ?? bytes);
  const certificate = readCertificate(reader);
  const { key, oaep } = publicKeyOfSpki(certificate.spki);
  const usages = extendedKeyUsage(certificate);
  const { serial, subject, issuer, extensions } = certificate;
  const found: Record<EkQuirk, boolean> = {
    'nv-wrapper': unwrapped !== undefined,
    'trailing-bytes': reader.remaining > 0,
    'unordered-name': !subject.ordered || !issuer.ordered,
    'rsaes-oaep-key': oaep,
    'short-key': isShortRsa(key),
    'sha1-signature': signatureSchemeOf(certificate.signatureAlgorithm)?.hash === 'sha1',
    'negative-serial': (serial[0] ?? 0) >= 0x80,
    'long-serial': serial.length > 20,
    'padded-serial': isPadded(serial),
    'no-subject': subject.rdns.length === 0,
    'critical-subject-alt-name': extensions.get(EXTENSION.subjectAltName)?.critical === true,
    'subject-directory-attributes': extensions.has(EXTENSION.subjectDirectoryAttributes),
    'no-authority-key-id': authorityKeyId(certificate) === undefined,
    'no-eku': usages === undefined,
    'other-eku': usages !== undefined && !usages.some((usage) => FOR_EKS.includes(usage)),
    'no-expiry': certificate.notAfter.getTime() === NO_EXPIRY,
  };
  return {
    der: certificate.der,
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: Buffer.from(certificate.serial).toString('hex'),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    spki: certificate.spki,
    publicKey: key,
    keyKind: keyKindOf(key),
    tpm: tpmOf(certificate),
    ekuTpmEk: usages?.includes(TCG_OID.ekCertificate) ?? false,
    quirks: (Object.keys(found) as EkQuirk[]).filter((quirk) => found[quirk]),
  };
}

/** TPM manufacturer, model and version: TCG EK Credential Profile 2.5, 3.2.9, a directoryName. */
function tpmOf(certificate: Certificate): EkCertificate['tpm'] {
  const attributes = decode(certificate, EXTENSION.subjectAltName, (reader, field) => {
    const names = reader.sequence(field);
    const found: { readonly oid: string; readonly value: string }[] = [];
    while (names.remaining > 0) {
      const name = names.any(`${field}.generalName`);
      // directoryName is [4]; being a CHOICE, it is tagged explicitly.
      if (name.tag !== contextConstructed(4)) continue;
      const inner = name.children();
      found.push(...nameOfValue(inner.any(`${field}.directoryName`), field).rdns.flat());
      inner.end(`${field}.directoryName`);
    }
    return found;
  });
  const valueOf = (oid: string, field: string) => {
    const values = (attributes ?? []).filter((attribute) => attribute.oid === oid);
    if (values.length > 1) throw malformed('BAD_CERTIFICATE', field, 0, 'given twice');
    return values[0]?.value;
  };
  const manufacturer = valueOf(TCG_OID.tpmManufacturer, 'tpmManufacturer');
  const model = valueOf(TCG_OID.tpmModel, 'tpmModel');
  const version = valueOf(TCG_OID.tpmVersion, 'tpmVersion');
  return {
    ...(manufacturer !== undefined && { manufacturer }),
    ...(model !== undefined && { model }),
    ...(version !== undefined && { version }),
  };
}
