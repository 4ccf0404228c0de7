import type { KeyObject } from 'node:crypto';
import { isStrongHash } from './hash.ts';
import { ParseError } from './parse-error.ts';
import { publicKeyOf } from './public-key.ts';
import type { TpmtPublic } from './tpmt-public.ts';
import type { TpmtSignature } from './tpmt-signature.ts';
import { type SignatureVerdict, verifySignatureWithKey } from './verify-with-key.ts';

/**
 * Verifies a TPM's signature over `message`. `ok` says:
 * - scheme and hash are those of the key's own public area, not merely what the signature names;
 * - the hash is SHA-256, SHA-384 or SHA-512;
 * - the key is a point of its curve, or an odd modulus of the stated 2048 bits or more with exponent 65537;
 * - r and s lie in 1..n-1, an RSA signature has the modulus' length;
 * - the signature is over H(message) by that key.
 *
 * It does not say that the key is a TPM's, restricted, or anybody's in particular.
 */
export function verifyTpmSignature(input: {
  readonly publicArea: TpmtPublic;
  readonly signature: TpmtSignature;
  readonly message: Uint8Array;
}): SignatureVerdict {
  const { publicArea, signature, message } = input;
  const { scheme } = publicArea.parameters;
  if (!('hash' in scheme) || scheme.scheme !== signature.sigAlg || scheme.hash !== signature.hash) {
    return { ok: false, code: 'SIG_ALG_MISMATCH' };
  }
  // Before the key is looked at: the hash is named by key and signature alike.
  if (!isStrongHash(signature.hash)) return { ok: false, code: 'SIG_HASH_WEAK' };
  const key = usableKey(publicArea);
  if (!key) return { ok: false, code: 'SIG_KEY_INVALID' };
  return verifySignatureWithKey({ key, signature, message });
}

function usableKey(publicArea: TpmtPublic): KeyObject | undefined {
  try {
    return publicKeyOf(publicArea);
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}
