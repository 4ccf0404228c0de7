import { constants, type KeyObject, verify } from 'node:crypto';
import type { TpmCode } from './codes.ts';
import { type Curve, curveOfOpenssl } from './curve.ts';
import { ecdsaSigValue } from './ecdsa-sig-value.ts';
import { hashOfBank, isStrongHash } from './hash.ts';
import type { TpmtSignature } from './tpmt-signature.ts';

export type SignatureRefusal = Extract<
  TpmCode,
  /** The signature's scheme or hash is not the one in the key's public area. */
  | 'SIG_ALG_MISMATCH'
  /** SHA-1, or a hash that is no match for the keys here. */
  | 'SIG_HASH_WEAK'
  /** There is no usable key: none at all, or too weak a one. */
  | 'SIG_KEY_INVALID'
  | 'SIGNATURE_INVALID'
>;

export type SignatureVerdict =
  { readonly ok: true } | { readonly ok: false; readonly code: SignatureRefusal };

/** A public key that signatures are taken from. */
type SigningKey =
  | { readonly type: 'rsa'; readonly bytes: number }
  | { readonly type: 'ecc'; readonly curve: Curve };

const RSA_BITS: readonly (number | undefined)[] = [2048, 3072, 4096];

/**
 * Verifies a TPM's signature over `message` by a key that comes without its public area, as in a
 * certificate. Where there is a public area `verifyTpmSignature` knows more. `ok` says:
 * - the hash, which the signature itself names, is SHA-256, SHA-384 or SHA-512;
 * - the key is RSA of 2048, 3072 or 4096 bits with exponent 65537, or on P-256, P-384 or P-521;
 * - r and s lie in 1..n-1, an RSA signature has the modulus' length;
 * - the signature is over H(message) by that key.
 *
 * It does not say that the key is for that scheme, a TPM's, restricted, or anybody's in particular.
 */
export function verifySignatureWithKey(input: {
  readonly key: KeyObject;
  readonly signature: TpmtSignature;
  readonly message: Uint8Array;
}): SignatureVerdict {
  const { key, signature, message } = input;
  if (!isStrongHash(signature.hash)) return refused('SIG_HASH_WEAK');
  const kind = signingKeyOf(key);
  if (!kind) return refused('SIG_KEY_INVALID');
  if ((signature.sigAlg === 'ecdsa') !== (kind.type === 'ecc')) return refused('SIG_ALG_MISMATCH');
  return isSignedBy(key, kind, signature, message) ? { ok: true } : refused('SIGNATURE_INVALID');
}

/** A key does not change, and to be told its details costs. */
const KNOWN = new WeakMap<KeyObject, { readonly kind: SigningKey | undefined }>();

function signingKeyOf(key: KeyObject): SigningKey | undefined {
  let known = KNOWN.get(key);
  if (known === undefined) {
    known = { kind: readSigningKey(key) };
    KNOWN.set(key, known);
  }
  return known.kind;
}

function readSigningKey(key: KeyObject): SigningKey | undefined {
  const { modulusLength, publicExponent, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.type !== 'public') return undefined;
  if (key.asymmetricKeyType === 'rsa' && RSA_BITS.includes(modulusLength)) {
    return publicExponent === 65537n ? { type: 'rsa', bytes: (modulusLength ?? 0) / 8 } : undefined;
  }
  const curve = key.asymmetricKeyType === 'ec' ? curveOfOpenssl(namedCurve) : undefined;
  return curve && { type: 'ecc', curve };
}

function isSignedBy(
  key: KeyObject,
  kind: SigningKey,
  signature: TpmtSignature,
  message: Uint8Array,
): boolean {
  const digest = hashOfBank(signature.hash).node;
  if (signature.sigAlg === 'ecdsa') {
    if (kind.type !== 'ecc') return false;
    const sigValue = ecdsaSigValue(kind.curve, signature);
    return sigValue !== undefined && verify(digest, message, key, sigValue);
  }
  if (kind.type !== 'rsa' || signature.sig.length !== kind.bytes) return false;
  if (signature.sigAlg === 'rsassa') {
    return verify(digest, message, { key, padding: constants.RSA_PKCS1_PADDING }, signature.sig);
  }
  // Part 1, B.7: the salt is as long as fits, or as the digest where FIPS 186-4 is followed.
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
  return verify(digest, message, { key, padding, saltLength }, signature.sig);
}

function refused(code: SignatureRefusal): SignatureVerdict {
  return { ok: false, code };
}
