import { parseCertificate } from './certificate.ts';
import type { EncodedExtension } from './ak-certificate-extensions.ts';
import { verifyCertificateSignature } from './certificate-signature.ts';
import { contextPrimitive, DER } from './der-reader.ts';
import { derOf, encodeOid } from './der-writer.ts';
import { basicConstraints, extendedKeyUsage, keyUsage } from './extensions.ts';
import { EXTENSION, TOUCHSTONE_OID } from './oids.ts';
import { keyIdOf, publicKeyOfSpki } from './public-key.ts';

const LOOKED_AT = new Set<string>([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
]);

/** Of the certificate by which an anchor says that a key signs trust bundles, where the one before it was lost. */
export function bundleSignerExtensions(input: {
  readonly spki: Uint8Array;
  /** The key identifier of the anchor. */
  readonly issuerKeyId: string;
}): EncodedExtension[] {
  const own = Buffer.from(keyIdOf(input.spki), 'hex');
  const above = Buffer.from(input.issuerKeyId, 'hex');
  const plain = (oid: string, value: Uint8Array) => ({ oid, critical: false, value });
  const critical = (oid: string, value: Uint8Array) => ({ oid, critical: true, value });
  return [
    critical(EXTENSION.basicConstraints, derOf(DER.sequence)),
    // digitalSignature alone: bit 0, seven bits unused.
    critical(EXTENSION.keyUsage, derOf(DER.bitString, Uint8Array.of(7, 0x80))),
    critical(
      EXTENSION.extendedKeyUsage,
      derOf(DER.sequence, encodeOid(TOUCHSTONE_OID.bundleSigner)),
    ),
    plain(EXTENSION.subjectKeyIdentifier, derOf(DER.octetString, own)),
    plain(EXTENSION.authorityKeyIdentifier, derOf(DER.sequence, derOf(contextPrimitive(0), above))),
  ];
}

/**
 * The key (SubjectPublicKeyInfo, DER) that this certificate makes a signer of trust bundles. It proves that
 *
 * - the key of one of the anchors signed it, and that anchor is valid at `now` and a CA;
 * - `now` lies within its own validity;
 * - it is later than `after`, where there was one before it;
 * - it is for signing trust bundles and for nothing else, and is no CA;
 * - it has no critical extension that was not looked at.
 *
 * Throws ParseError or RangeError if any of that is not so.
 */
export function verifyBundleSigner(input: {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER. */
  readonly anchors: readonly Uint8Array[];
  readonly now: Date;
  /** From when the last one is that was taken. */
  readonly after?: Date | undefined;
}): Uint8Array {
  const certificate = parseCertificate(input.certificate);
  const refuse = (why: string): never => {
    throw new RangeError(`the certificate of a bundle key: ${why}`);
  };
  if (!isValid(certificate, input.now)) refuse('it is not valid at this time');
  // Only a yes is a yes: an invalid Date compares false with everything.
  const isLater = input.after === undefined || certificate.notBefore > input.after;
  if (!isLater) refuse('it is not later than the last one');
  const usages = extendedKeyUsage(certificate) ?? [];
  if (usages.length !== 1 || usages[0] !== TOUCHSTONE_OID.bundleSigner) {
    refuse('it is not for trust bundles alone');
  }
  const keys = keyUsage(certificate) ?? [];
  if (keys.length !== 1 || keys[0] !== 'digitalSignature') refuse('its key usage');
  if (basicConstraints(certificate)?.ca === true) refuse('it is a CA');
  for (const { oid, critical } of certificate.extensions.values()) {
    if (critical && !LOOKED_AT.has(oid)) refuse(`critical extension ${oid}`);
  }
  const anchored = input.anchors.some((der) => {
    const anchor = parseCertificate(der);
    return (
      isValid(anchor, input.now) &&
      basicConstraints(anchor)?.ca === true &&
      anchor.subject.comparable === certificate.issuer.comparable &&
      verifyCertificateSignature(certificate, publicKeyOfSpki(anchor.spki).key).ok
    );
  });
  if (!anchored) refuse('no anchor that is held signed it');
  return certificate.spki;
}

type Lifetime = { readonly notBefore: Date; readonly notAfter: Date };

/** Only a yes to both is a yes: an invalid Date compares false with everything. */
const isValid = ({ notBefore, notAfter }: Lifetime, now: Date): boolean =>
  now >= notBefore && now <= notAfter;
