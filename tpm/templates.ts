import { TPMA_OBJECT } from './constants.ts';
import type { TpmtPublicEcc, TpmtPublicRsa } from './tpmt-public.ts';

/** PolicyA for SHA-256, PolicySecret(TPM_RH_ENDORSEMENT): TCG EK Credential Profile 2.5, B.6.2. */
export const EK_POLICY_A_SHA256 = Uint8Array.from(
  Buffer.from('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa', 'hex'),
);

/** Template L-1, RSA 2048 (storage): TCG EK Credential Profile 2.5, B.3.3. */
export const EK_TEMPLATE_RSA2048: TpmtPublicRsa = {
  type: 'rsa',
  nameAlg: 'sha256',
  objectAttributes:
    TPMA_OBJECT.fixedTPM |
    TPMA_OBJECT.fixedParent |
    TPMA_OBJECT.sensitiveDataOrigin |
    TPMA_OBJECT.adminWithPolicy |
    TPMA_OBJECT.restricted |
    TPMA_OBJECT.decrypt,
  authPolicy: EK_POLICY_A_SHA256,
  parameters: {
    symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
    scheme: { scheme: 'null' },
    keyBits: 2048,
    exponent: 0,
  },
  unique: new Uint8Array(256),
};

/**
 * Our AK, an ordinary child of the EK made by TPM2_Create: its auth counts and it dies with TPM2_Clear.
 * noDA, because a quote must not hang on another key's lockout.
 */
export const AK_TEMPLATE_ECC_P256: TpmtPublicEcc = {
  type: 'ecc',
  nameAlg: 'sha256',
  objectAttributes:
    TPMA_OBJECT.fixedTPM |
    TPMA_OBJECT.fixedParent |
    TPMA_OBJECT.sensitiveDataOrigin |
    TPMA_OBJECT.userWithAuth |
    TPMA_OBJECT.noDA |
    TPMA_OBJECT.restricted |
    TPMA_OBJECT.sign,
  authPolicy: new Uint8Array(),
  parameters: {
    symmetric: { algorithm: 'null' },
    scheme: { scheme: 'ecdsa', hash: 'sha256' },
    curve: 'nist_p256',
    kdf: { scheme: 'null' },
  },
  unique: { x: new Uint8Array(), y: new Uint8Array() },
};
