import { constants, type KeyObject, verify } from 'node:crypto';
import type { TpmCode } from './codes.ts';
import { bigintOf, curveOfName, leftPadded } from './curve.ts';
import { hashOfBank } from './hash.ts';
import { ParseError } from './parse-error.ts';
import { publicKeyOf } from './public-key.ts';
import type { TpmtPublic, TpmtPublicEcc } from './tpmt-public.ts';
import type { TpmtSignature } from './tpmt-signature.ts';

export type SignatureRefusal = Extract<
  TpmCode,
  /** The signature's scheme or hash is not the one in the key's public area. */
  | 'SIG_ALG_MISMATCH'
  /** SHA-1, or a hash that is no match for the keys here. */
  | 'SIG_HASH_WEAK'
  /** The public area holds no usable key. */
  | 'SIG_KEY_INVALID'
  | 'SIGNATURE_INVALID'
>;

export type SignatureVerdict =
  { readonly ok: true } | { readonly ok: false; readonly code: SignatureRefusal };

const STRONG_HASHES: readonly string[] = ['sha256', 'sha384', 'sha512'];

/**
 * Verifies a TPM's signature over `message`. `ok` says:
 * - scheme and hash are those of the key's own public area, not merely what the signature names;
 * - the hash is SHA-256, SHA-384 or SHA-512;
 * - the key is a point of its curve, or an odd modulus of the stated size with exponent 65537;
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
    return refused('SIG_ALG_MISMATCH');
  }
  if (!STRONG_HASHES.includes(signature.hash)) return refused('SIG_HASH_WEAK');
  const key = usableKey(publicArea);
  if (!key) return refused('SIG_KEY_INVALID');
  return isSignedBy(key, publicArea, signature, message)
    ? { ok: true }
    : refused('SIGNATURE_INVALID');
}

function isSignedBy(
  key: KeyObject,
  publicArea: TpmtPublic,
  signature: TpmtSignature,
  message: Uint8Array,
): boolean {
  const digest = hashOfBank(signature.hash).node;
  if (signature.sigAlg === 'ecdsa') {
    if (publicArea.type !== 'ecc') return false;
    const rs = concatenated(publicArea, signature.r, signature.s);
    return rs !== undefined && verify(digest, message, { key, dsaEncoding: 'ieee-p1363' }, rs);
  }
  if (publicArea.type !== 'rsa' || signature.sig.length !== publicArea.unique.length) return false;
  if (signature.sigAlg === 'rsassa') {
    return verify(digest, message, { key, padding: constants.RSA_PKCS1_PADDING }, signature.sig);
  }
  // Part 1, B.7: the salt is as long as fits, or as the digest where FIPS 186-4 is followed.
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
  return verify(digest, message, { key, padding, saltLength }, signature.sig);
}

/**
 * r || s at the curve's full width; TPMs leave leading zeros out. A high s stands: TPMs do not
 * normalise, about half of all signatures have one, and nothing is looked up by signature bytes.
 */
function concatenated(
  { parameters }: TpmtPublicEcc,
  r: Uint8Array,
  s: Uint8Array,
): Uint8Array | undefined {
  const { n, size } = curveOfName(parameters.curve);
  const parts = [r, s].map((bytes) => {
    const value = bigintOf(bytes);
    return value >= 1n && value < n ? leftPadded(bytes, size) : undefined;
  });
  const [wideR, wideS] = parts;
  return wideR && wideS ? Buffer.concat([wideR, wideS]) : undefined;
}

function usableKey(publicArea: TpmtPublic): KeyObject | undefined {
  try {
    return publicKeyOf(publicArea);
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

function refused(code: SignatureRefusal): SignatureVerdict {
  return { ok: false, code };
}
