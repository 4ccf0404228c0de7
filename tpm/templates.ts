import { TPMA_OBJECT } from './constants.ts';
import type { StrongHash } from './hash.ts';
import type { TpmtPublicEcc, TpmtPublicRsa } from './tpmt-public.ts';

/** Of each key that is ours: made in this TPM and staying there, used by its auth, and for one thing. */
const OURS =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.userWithAuth |
  TPMA_OBJECT.noDA |
  TPMA_OBJECT.restricted;

/**
 * Our AK, an ordinary child of the EK made by TPM2_Create: its auth counts and it dies with TPM2_Clear.
 * noDA, because a quote must not hang on another key's lockout.
 */
export const AK_TEMPLATE_ECC_P256: TpmtPublicEcc = {
  type: 'ecc',
  nameAlg: 'sha256',
  objectAttributes: OURS | TPMA_OBJECT.sign,
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
  objectAttributes: OURS | TPMA_OBJECT.sign,
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
const bindingTemplate = (nameAlg: StrongHash, keyBits: 128 | 256): TpmtPublicEcc => ({
  type: 'ecc',
  nameAlg,
  objectAttributes: OURS | TPMA_OBJECT.decrypt,
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
  sha512: bindingTemplate('sha512', 256),
} as const;

/**
 * The public area by which a TPM is shown an ECDSA key from outside (TPM2_LoadExternal: Part 3, 12.3). Its Name is part
 * of the policies that this key signs for. Coordinates are of 32 bytes each.
 */
export const externalKeyP256 = (unique: TpmtPublicEcc['unique']): TpmtPublicEcc => ({
  type: 'ecc',
  nameAlg: 'sha256',
  objectAttributes: TPMA_OBJECT.userWithAuth | TPMA_OBJECT.sign,
  authPolicy: new Uint8Array(),
  parameters: {
    symmetric: { algorithm: 'null' },
    scheme: { scheme: 'ecdsa', hash: 'sha256' },
    curve: 'nist_p256',
    kdf: { scheme: 'null' },
  },
  unique,
});
