export { type AkCertificate, parseAkCertificate } from './ak-certificate.ts';
export {
  type AkCertificateClaims,
  akCertificateExtensions,
  type EncodedExtension,
  issuerCertificateExtensions,
} from './ak-certificate-extensions.ts';
export {
  type AkCertificateInput,
  type Issuer,
  verifyAkCertificate,
} from './ak-certificate-verification.ts';
export { checkAkPublic } from './ak-public.ts';
export { ASSURANCE_CLASSES, type AssuranceClass, policyOfClass } from './assurance-class.ts';
export { bundleSignerExtensions, verifyBundleSigner } from './bundle-signer.ts';
export { type Certificate, parseCertificate } from './certificate.ts';
export { certificatesOfNvChain } from './certificate-chain.ts';
export { certificatesOfFile } from './certificate-file.ts';
export {
  type CertificateSignatureAlgorithm,
  encodeCertificate,
  encodeEcdsaSignature,
  encodeName,
  encodeTbsCertificate,
  type TbsCertificateFields,
} from './certificate-encoding.ts';
export {
  type CrlReason,
  encodeCertificateList,
  encodeTbsCertList,
  type RevokedEntry,
  type TbsCertListFields,
} from './crl-encoding.ts';
export {
  type CodeEntry,
  ENDORSEMENT_CODES,
  type EndorsementCode,
  REFUSED_ISSUER_REMEDY,
  type RefusalReason,
} from './codes.ts';
export { type EkCertificate, type EkQuirk, parseEkCertificate } from './ek-certificate.ts';
export { CRL_CERTIFICATES_MAX, crlKeyOf, type CrlPlace } from './crl-place.ts';
export { checkEkPublic } from './ek-public.ts';
export { akQualifiedNameOf, ekRefOf } from './ek-ref.ts';
export { isIssuedBy } from './issued-by.ts';
export { type IssuerCertificate, parseIssuerCertificate } from './issuer-certificate.ts';
export { TCG_OID, TOUCHSTONE_OID } from './oids.ts';
export {
  type CertificateInput,
  checkEkCertificate,
  type PathFinding,
  type PathInput,
  type PathQuirk,
  type PathVerdict,
  validatePath,
} from './path-validation.ts';
export { encodeEncryptedPrivateKey, type ScryptParameters } from './encrypted-private-key.ts';
export type { Problem } from './problem.ts';
export { keyIdOf } from './public-key.ts';
export {
  type HeldRevocationList,
  type Revocation,
  revocationOf,
  type RevocationStanding,
  revocationWarnings,
} from './revocation.ts';
export { parseRevocationList, type RevocationList } from './revocation-list.ts';
export { type RevocationListInput, verifyRevocationList } from './revocation-list-verification.ts';
export { isRocaModulus } from './roca.ts';
export { isMakerName, type TpmDescription, WEAK_EK_ROCA } from './tpm-description.ts';
export { isRegisteredManufacturer, manufacturerOf } from './tpm-manufacturer.ts';
