import type { KeyObject } from 'node:crypto';
import { type AssuranceClass, classOfPolicy } from './assurance-class.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { type CrlPlace, crlPlaceOf, unnamedCrlPlace } from './crl-place.ts';
import { DER } from './der-reader.ts';
import { isPadded } from './der-types.ts';
import * as extension from './extensions.ts';
import { malformed } from './malformed.ts';
import { EXTENSION, TCG_OID, TOUCHSTONE_OID } from './oids.ts';
import { keyIdOf, publicKeyOfSpki } from './public-key.ts';
import { type TpmDescription, tpmDescriptionOf } from './tpm-description.ts';

/** An AK certificate of our profile, read. `verifyAkCertificate` says whether it is to be believed. */
export type AkCertificate = {
  readonly der: Uint8Array;
  /** The whole of it, for verifying. */
  readonly certificate: Certificate;
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  /** Hex, lower case, as are all below. */
  readonly issuerKeyId: string;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The TPM Name of the AK, which is the subject's CN. */
  readonly akName: string;
  readonly class: AssuranceClass;
  readonly ekRef: string;
  readonly akQualifiedName: Uint8Array;
  /** Absent in certificates of CAs that did not say it yet. */
  readonly tpm?: TpmDescription;
  /** Of the issuer's revocation lists, which one this certificate would stand in. */
  readonly crl: CrlPlace;
};

/** Whether each extension of the profile is critical. There is no other in an AK certificate but those below. */
const PROFILE: ReadonlyMap<string, boolean> = new Map<string, boolean>([
  [EXTENSION.basicConstraints, true],
  [EXTENSION.keyUsage, true],
  [EXTENSION.extendedKeyUsage, false],
  [EXTENSION.subjectKeyIdentifier, false],
  [EXTENSION.authorityKeyIdentifier, false],
  [EXTENSION.certificatePolicies, false],
  [TOUCHSTONE_OID.ekRef, false],
  [TOUCHSTONE_OID.akQualifiedName, false],
]);

/** Those that a certificate may lack; none is critical. */
const OPTIONAL: ReadonlySet<string> = new Set([
  EXTENSION.cRLDistributionPoints,
  TOUCHSTONE_OID.tpmDescription,
]);

/** nameAlg, then a digest of 32, 48 or 64 bytes: TPM 2.0 Part 1, 16. */
const NAME_LENGTHS: readonly number[] = [34, 50, 66];
const AK_NAME = /^[0-9a-f]{68}$/;
const COMMON_NAME = '2.5.4.3';

/**
 * A whole AK certificate in DER. Throws ParseError: AK_CERT_PROFILE for whatever our CA would not have
 * issued, an extension too many or too few, a flag, a second class; other codes for bytes that are no
 * certificate. It is read strictly because the CA, too, is one that could have been robbed.
 */
export function parseAkCertificate(der: Uint8Array): AkCertificate {
  const certificate = parseCertificate(der);
  require(certificate.version === 3, 'version');
  const { serial } = certificate;
  const [first = 0x80] = serial;
  require(first < 0x80 && serial.length <= 20 && !isPadded(serial), 'serialNumber');
  require(certificate.notBefore < certificate.notAfter, 'validity');
  requireExtensions(certificate);

  const { only, keyId } = extension.authorityKeyId(certificate) ?? {};
  require(only === true && keyId !== undefined, 'authorityKeyIdentifier');
  require(extension.subjectKeyId(certificate) ===
    keyIdOf(certificate.spki), 'subjectKeyIdentifier');
  const ekRef = octetsOf(certificate, TOUCHSTONE_OID.ekRef, 'ekRef');
  require(ekRef.length === 32, 'ekRef');
  const tpm = tpmDescriptionOf(certificate);
  const akQualifiedName = octetsOf(certificate, TOUCHSTONE_OID.akQualifiedName, 'akQualifiedName');
  require(NAME_LENGTHS.includes(akQualifiedName.length), 'akQualifiedName');
  return {
    ...{ der: certificate.der, certificate, spki: certificate.spki },
    publicKey: publicKeyOfSpki(certificate.spki).key,
    issuerKeyId: keyId,
    serial: Buffer.from(certificate.serial).toString('hex'),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    akName: akNameOf(certificate),
    class: classOf(certificate),
    ekRef: Buffer.from(ekRef).toString('hex'),
    akQualifiedName,
    ...(tpm !== undefined && { tpm }),
    crl: placeOf(certificate, keyId),
  };
}

function placeOf(certificate: Certificate, issuerKeyId: string): CrlPlace {
  const url = extension.crlDistributionPoint(certificate);
  const place = url === undefined ? unnamedCrlPlace(issuerKeyId) : crlPlaceOf(url);
  require(place?.issuerKeyId === issuerKeyId, 'cRLDistributionPoints');
  return place;
}

function requireExtensions(certificate: Certificate): void {
  const { extensions } = certificate;
  for (const [oid, critical] of PROFILE) require(extensions.get(oid)?.critical === critical, oid);
  for (const { oid, critical } of extensions.values()) {
    require(PROFILE.has(oid) || (OPTIONAL.has(oid) && !critical), oid);
  }
  const constraints = extension.basicConstraints(certificate);
  require(constraints?.ca === false && constraints.pathLen === undefined, 'basicConstraints');
  requireOnly(extension.keyUsage(certificate), 'digitalSignature', 'keyUsage');
  requireOnly(extension.extendedKeyUsage(certificate), TCG_OID.aikCertificate, 'extKeyUsage');
}

function classOf(certificate: Certificate): AssuranceClass {
  const [policy = '', ...more] = extension.certificatePolicies(certificate) ?? [];
  const found = classOfPolicy(policy);
  require(found !== undefined && more.length === 0, 'certificatePolicies');
  return found;
}

function akNameOf({ subject }: Certificate): string {
  const [name, ...more] = subject.rdns.flat();
  require(name?.oid === COMMON_NAME && more.length === 0 && AK_NAME.test(name.value), 'subject');
  return name.value;
}

function octetsOf(certificate: Certificate, oid: string, field: string): Uint8Array {
  const octets = extension.decode(certificate, oid, (reader) =>
    reader.expect(DER.octetString, field),
  );
  require(octets !== undefined, field);
  return octets.contents;
}

function requireOnly(list: readonly string[] | undefined, only: string, field: string): void {
  require(list?.length === 1 && list[0] === only, field);
}

function require(condition: boolean, field: string): asserts condition {
  if (!condition) throw malformed('AK_CERT_PROFILE', field, 0);
}
