import { type AssuranceClass, policyOfClass } from './assurance-class.ts';
import { contextPrimitive, DER } from './der-reader.ts';
import { encodeDistributionPointName } from './distribution-point.ts';
import { derOf, encodeOid, TRUE } from './der-writer.ts';
import { EXTENSION, TCG_OID, TOUCHSTONE_OID } from './oids.ts';
import { keyIdOf } from './public-key.ts';
import { encodeTpmDescription, type TpmDescription } from './tpm-description.ts';

/** An extension to be issued; `new Extension(oid, critical, value)` in other libraries' words. */
export type EncodedExtension = {
  readonly oid: string;
  readonly critical: boolean;
  /** DER of the extension's own type: what goes into the OCTET STRING. */
  readonly value: Uint8Array;
};

export type AkCertificateClaims = {
  readonly class: AssuranceClass;
  /** 32 bytes, from `ekRefOf`. */
  readonly ekRef: Uint8Array;
  /** From `akQualifiedNameOf`, computed by the CA and never taken from the host. */
  readonly akQualifiedName: Uint8Array;
  /** SubjectPublicKeyInfo of the AK. */
  readonly spki: Uint8Array;
  /** What the CA found of the TPM. */
  readonly tpm?: TpmDescription;
  /** The issuer's subjectKeyIdentifier, in hex. */
  readonly issuerKeyId: string;
  /** Where the revocation list is that this certificate would stand in. */
  readonly crlUrl?: string;
};

/**
 * All extensions of an AK certificate, in the order of the profile: a signing key of a TPM and no CA; the
 * key identifiers; one policy, which is the class; our own; and, where there is one, the revocation list's place.
 */
export function akCertificateExtensions(claims: AkCertificateClaims): EncodedExtension[] {
  const { ekRef, akQualifiedName, issuerKeyId } = claims;
  if (ekRef.length !== 32) throw new RangeError('ekRef is not of 32 bytes');
  if (!/^([0-9a-f]{2}){8,32}$/.test(issuerKeyId)) throw new RangeError('issuerKeyId is not hex');
  const subjectKey = Buffer.from(keyIdOf(claims.spki), 'hex');
  const issuerKey = Buffer.from(issuerKeyId, 'hex');
  const plain = (oid: string, value: Uint8Array) => ({ oid, critical: false, value });
  const critical = (oid: string, value: Uint8Array) => ({ oid, critical: true, value });
  return [
    critical(EXTENSION.basicConstraints, AK_BASIC_CONSTRAINTS),
    critical(EXTENSION.keyUsage, AK_KEY_USAGE),
    plain(EXTENSION.extendedKeyUsage, derOf(DER.sequence, encodeOid(TCG_OID.aikCertificate))),
    plain(EXTENSION.subjectKeyIdentifier, derOf(DER.octetString, subjectKey)),
    plain(
      EXTENSION.authorityKeyIdentifier,
      derOf(DER.sequence, derOf(contextPrimitive(0), issuerKey)),
    ),
    plain(
      EXTENSION.certificatePolicies,
      derOf(DER.sequence, derOf(DER.sequence, encodeOid(policyOfClass(claims.class)))),
    ),
    plain(TOUCHSTONE_OID.ekRef, derOf(DER.octetString, ekRef)),
    plain(TOUCHSTONE_OID.akQualifiedName, derOf(DER.octetString, akQualifiedName)),
    ...(claims.tpm === undefined
      ? []
      : [plain(TOUCHSTONE_OID.tpmDescription, encodeTpmDescription(claims.tpm))]),
    ...(claims.crlUrl === undefined
      ? []
      : [plain(EXTENSION.cRLDistributionPoints, encodeDistributionPoints(claims.crlUrl))]),
  ];
}

/** CA:FALSE, which in DER is an empty SEQUENCE. */
const AK_BASIC_CONSTRAINTS = derOf(DER.sequence);
/** digitalSignature alone: bit 0, seven bits unused. */
const AK_KEY_USAGE = derOf(DER.bitString, Uint8Array.of(7, 0x80));

/** CRLDistributionPoints with one point of one URL: RFC 5280, 4.2.1.13. */
function encodeDistributionPoints(url: string): Uint8Array {
  return derOf(DER.sequence, derOf(DER.sequence, encodeDistributionPointName(url)));
}

/** BasicConstraints and KeyUsage of a CA of ours, which issues AK certificates only. */
export function issuerCertificateExtensions(input: {
  readonly spki: Uint8Array;
  /** The key identifier of the CA above; its own for a root. */
  readonly issuerKeyId?: string;
  /** How many CAs may stand below it, 0 to 127; none by default. */
  readonly pathLen?: number;
}): EncodedExtension[] {
  const own = keyIdOf(input.spki);
  const above = Buffer.from(input.issuerKeyId ?? own, 'hex');
  const pathLen = derOf(DER.integer, Uint8Array.of(input.pathLen ?? 0));
  return [
    {
      oid: EXTENSION.basicConstraints,
      critical: true,
      value: derOf(DER.sequence, TRUE, pathLen),
    },
    // keyCertSign and cRLSign: bits 5 and 6.
    {
      oid: EXTENSION.keyUsage,
      critical: true,
      value: derOf(DER.bitString, Uint8Array.of(1, 0x06)),
    },
    {
      oid: EXTENSION.subjectKeyIdentifier,
      critical: false,
      value: derOf(DER.octetString, Buffer.from(own, 'hex')),
    },
    {
      oid: EXTENSION.authorityKeyIdentifier,
      critical: false,
      value: derOf(DER.sequence, derOf(contextPrimitive(0), above)),
    },
  ];
}
