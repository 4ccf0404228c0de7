import { TPMA_OBJECT } from './constants.ts';
import { type CurveName, curveOfName } from './curve.ts';
import { EK_POLICIES } from './ek-policies.ts';
import type { StrongHash } from './hash.ts';
import type { TpmtPublicEcc, TpmtPublicRsa } from './tpmt-public.ts';

const LOW_RANGE =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.adminWithPolicy |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.decrypt;

/** The low range has SHA-256 and policy A; its `unique` is zeros, to the key's width. */
const low = {
  nameAlg: 'sha256',
  objectAttributes: LOW_RANGE,
  authPolicy: EK_POLICIES.sha256.a,
} as const;

const symmetric = (nameAlg: StrongHash) =>
  ({ algorithm: 'aes', keyBits: nameAlg === 'sha256' ? 128 : 256, mode: 'cfb' }) as const;

/** The high range has policy B and userWithAuth; its `unique` is empty. */
const high = (nameAlg: StrongHash) => ({
  nameAlg,
  objectAttributes: LOW_RANGE | TPMA_OBJECT.userWithAuth,
  authPolicy: EK_POLICIES[nameAlg].b,
});

const rsa = (nameAlg: StrongHash, keyBits: 2048 | 3072 | 4096) => ({
  symmetric: symmetric(nameAlg),
  scheme: { scheme: 'null' } as const,
  keyBits,
  exponent: 0,
});

const ecc = (nameAlg: StrongHash, curve: CurveName) => ({
  symmetric: symmetric(nameAlg),
  scheme: { scheme: 'null' } as const,
  curve,
  kdf: { scheme: 'null' } as const,
});

const highRsa = (nameAlg: StrongHash, keyBits: 2048 | 3072 | 4096): TpmtPublicRsa => ({
  type: 'rsa',
  ...high(nameAlg),
  parameters: rsa(nameAlg, keyBits),
  unique: new Uint8Array(),
});

const highEcc = (nameAlg: StrongHash, curve: CurveName): TpmtPublicEcc => ({
  type: 'ecc',
  ...high(nameAlg),
  parameters: ecc(nameAlg, curve),
  unique: { x: new Uint8Array(), y: new Uint8Array() },
});

/** Template L-1, RSA 2048 (storage): TCG EK Credential Profile 2.5, B.3.3. */
export const EK_TEMPLATE_RSA2048: TpmtPublicRsa = {
  type: 'rsa',
  ...low,
  parameters: rsa('sha256', 2048),
  unique: new Uint8Array(256),
};

const P256_BYTES = curveOfName('nist_p256').size;

/** Template L-2, ECC NIST P-256 (storage): TCG EK Credential Profile 2.5, B.3.4. */
export const EK_TEMPLATE_ECC_P256: TpmtPublicEcc = {
  type: 'ecc',
  ...low,
  parameters: ecc('sha256', 'nist_p256'),
  unique: { x: new Uint8Array(P256_BYTES), y: new Uint8Array(P256_BYTES) },
};

/** Template H-3, ECC NIST P-384 (storage): TCG EK Credential Profile 2.5, B.4. */
export const EK_TEMPLATE_ECC_P384 = highEcc('sha384', 'nist_p384');

/**
 * The EKs that we take: the storage templates of the TCG EK Credential Profile 2.5, annex B, low range before
 * high range. H-5 (SM2) is not among them, nor are those that sign.
 */
export const EK_TEMPLATES = [
  EK_TEMPLATE_RSA2048,
  EK_TEMPLATE_ECC_P256,
  /** H-1 and H-2. */
  highRsa('sha256', 2048),
  highEcc('sha256', 'nist_p256'),
  EK_TEMPLATE_ECC_P384,
  /** H-4, H-6 and H-7. */
  highEcc('sha512', 'nist_p521'),
  highRsa('sha384', 3072),
  highRsa('sha384', 4096),
] as const;
