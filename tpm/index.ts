export { TPM_CODES, type TpmCode } from './codes.ts';
export * from './constants.ts';
export { type CurveName } from './curve.ts';
export { EK_POLICIES, type EkPolicies } from './ek-policies.ts';
export {
  EK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_ECC_P384,
  EK_TEMPLATE_RSA2048,
  EK_TEMPLATES,
} from './ek-templates.ts';
export { type BankName, type HashAlgorithm, type StrongHash } from './hash.ts';
export { bankAlgorithm, hash, hashAlgorithm, hashHex, hashOfBank } from './hash.ts';
export { isDigestOf, isStrongHash } from './hash.ts';
export { type ImportBlob, sealForImport } from './import-blob.ts';
export { kdfa, type KdfaInput } from './kdfa.ts';
export { kdfe, type KdfeInput } from './kdfe.ts';
export { type Credential, makeCredential } from './make-credential.ts';
export { hierarchyName, nameHexOf, nameOf, qualifiedNameOf } from './name.ts';
export { ParseError } from './parse-error.ts';
export { pcrDigest, type PcrValues } from './pcr-digest.ts';
export {
  encodeTpmlPcrSelection,
  type PcrSelection,
  readTpmlPcrSelection,
} from './pcr-selection.ts';
export { noPolicy, policyPcr, policySigned, policySignedMessage } from './policies.ts';
export { publicKeyOf } from './public-key.ts';
export type { EccScheme, KdfScheme, RsaScheme, Symmetric } from './public-parameters.ts';
export { type Endian, Reader } from './reader.ts';
export {
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  BINDING_TEMPLATES,
  externalKeyP256,
} from './templates.ts';
export type { ClockInfo } from './attest-header.ts';
export { parseTpmsAttest, type TpmsAttest } from './tpms-attest.ts';
export { parseTpmsCertify, type TpmsCertify } from './tpms-certify.ts';
export {
  encodeTpm2bPublic,
  encodeTpmtPublic,
  parseTpm2bPublic,
  parseTpmtPublic,
  type TpmtPublic,
  type TpmtPublicEcc,
  type TpmtPublicRsa,
} from './tpmt-public.ts';
export { encodeTpmtSignature, parseTpmtSignature, type TpmtSignature } from './tpmt-signature.ts';
export { verifyTpmSignature } from './verify-signature.ts';
export {
  type SignatureRefusal,
  type SignatureVerdict,
  verifySignatureWithKey,
} from './verify-with-key.ts';
export { Writer } from './writer.ts';
