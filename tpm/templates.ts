import { TPMA_OBJECT } from './constants.ts';
import type { TpmtPublicEcc, TpmtPublicRsa } from './tpmt-public.ts';

/** PolicyA for SHA-256, PolicySecret(TPM_RH_ENDORSEMENT): TCG EK Credential Profile 2.5, B.6.2. */
export const EK_POLICY_A_SHA256 = Uint8Array.from(
  Buffer.from('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa', 'hex'),
);

/**
 * PolicyB for SHA-384, PolicyA or PolicyAuthorizeNV over the index 0x01C07F02: TCG EK Credential Profile
 * 2.5, annex B. Since these EKs have userWithAuth too, TPM2_ActivateCredential does not need it.
 */
export const EK_POLICY_B_SHA384 = Uint8Array.from(
  Buffer.from(
    'b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12',
    'hex',
  ),
);

const LOW_RANGE_ATTRIBUTES =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.adminWithPolicy |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.decrypt;

/** Template L-1, RSA 2048 (storage): TCG EK Credential Profile 2.5, B.3.3. */
export const EK_TEMPLATE_RSA2048: TpmtPublicRsa = {
  type: 'rsa',
  nameAlg: 'sha256',
  objectAttributes: LOW_RANGE_ATTRIBUTES,
  authPolicy: EK_POLICY_A_SHA256,
  parameters: {
    symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
    scheme: { scheme: 'null' },
    keyBits: 2048,
    exponent: 0,
  },
  unique: new Uint8Array(256),
};

/** Template L-2, ECC NIST P-256 (storage): TCG EK Credential Profile 2.5, B.3.4. */
export const EK_TEMPLATE_ECC_P256: TpmtPublicEcc = {
  type: 'ecc',
  nameAlg: 'sha256',
  objectAttributes: LOW_RANGE_ATTRIBUTES,
  authPolicy: EK_POLICY_A_SHA256,
  parameters: {
    symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
    scheme: { scheme: 'null' },
    curve: 'nist_p256',
    kdf: { scheme: 'null' },
  },
  unique: { x: new Uint8Array(32), y: new Uint8Array(32) },
};

/** Template H-3, ECC NIST P-384 (storage), of the high range: TCG EK Credential Profile 2.5, annex B. */
export const EK_TEMPLATE_ECC_P384: TpmtPublicEcc = {
  type: 'ecc',
  nameAlg: 'sha384',
  objectAttributes: LOW_RANGE_ATTRIBUTES | TPMA_OBJECT.userWithAuth,
  authPolicy: EK_POLICY_B_SHA384,
  parameters: {
    symmetric: { algorithm: 'aes', keyBits: 256, mode: 'cfb' },
    scheme: { scheme: 'null' },
    curve: 'nist_p384',
    kdf: { scheme: 'null' },
  },
  unique: { x: new Uint8Array(), y: new Uint8Array() },
};

const AK_ATTRIBUTES =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.userWithAuth |
  TPMA_OBJECT.noDA |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.sign;

/**
 * Our AK, an ordinary child of the EK made by TPM2_Create: its auth counts and it dies with TPM2_Clear.
 * noDA, because a quote must not hang on another key's lockout.
 */
export const AK_TEMPLATE_ECC_P256: TpmtPublicEcc = {
  type: 'ecc',
  nameAlg: 'sha256',
  objectAttributes: AK_ATTRIBUTES,
  authPolicy: new Uint8Array(),
  parameters: {
    symmetric: { algorithm: 'null' },
    scheme: { scheme: 'ecdsa', hash: 'sha256' },
    curve: 'nist_p256',
    kdf: { scheme: 'null' },
  },
  unique: { x: new Uint8Array(), y: new Uint8Array() },
};

/** The same for a TPM whose ECDSA is missing or not to be trusted: RSA 2048, RSASSA with SHA-256. */
export const AK_TEMPLATE_RSA2048: TpmtPublicRsa = {
  type: 'rsa',
  nameAlg: 'sha256',
  objectAttributes: AK_ATTRIBUTES,
  authPolicy: new Uint8Array(),
  parameters: {
    symmetric: { algorithm: 'null' },
    scheme: { scheme: 'rsassa', hash: 'sha256' },
    keyBits: 2048,
    exponent: 0,
  },
  unique: new Uint8Array(),
};

/**
 * Our binding key, an ordinary child of the EK like the AK: to it what only this TPM may open is wrapped. A storage
 * key has its parent's nameAlg and symmetric algorithm, so there is one template for each kind of EK (Part 1, 26 and
 * Part 3, 13.3: TPM2_Import). Without adminWithPolicy its auth counts for TPM2_Certify too.
 */
const bindingTemplate = (nameAlg: 'sha256' | 'sha384', keyBits: 128 | 256): TpmtPublicEcc => ({
  type: 'ecc',
  nameAlg,
  objectAttributes:
    TPMA_OBJECT.fixedTPM |
    TPMA_OBJECT.fixedParent |
    TPMA_OBJECT.sensitiveDataOrigin |
    TPMA_OBJECT.userWithAuth |
    TPMA_OBJECT.noDA |
    TPMA_OBJECT.restricted |
    TPMA_OBJECT.decrypt,
  authPolicy: new Uint8Array(),
  parameters: {
    symmetric: { algorithm: 'aes', keyBits, mode: 'cfb' },
    scheme: { scheme: 'null' },
    curve: 'nist_p256',
    kdf: { scheme: 'null' },
  },
  unique: { x: new Uint8Array(), y: new Uint8Array() },
});

/** By the nameAlg of the EK above it. */
export const BINDING_TEMPLATES = {
  sha256: bindingTemplate('sha256', 128),
  sha384: bindingTemplate('sha384', 256),
} as const;
