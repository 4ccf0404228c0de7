import { createPublicKey, type KeyObject } from 'node:crypto';
import { bigintOf, curveOfName, isOnCurve, leftPadded } from './curve.ts';
import { malformed } from './malformed.ts';
import type { TpmtPublic, TpmtPublicEcc, TpmtPublicRsa } from './tpmt-public.ts';

/** Making a key costs half of what verifying by it does, and the same few are asked for again and again. */
const made = new WeakMap<TpmtPublic, KeyObject>();

/**
 * The key of a public area for node:crypto. Throws ParseError BAD_MODULUS, UNSUPPORTED_EXPONENT or
 * POINT_NOT_ON_CURVE; so a template, which has no key yet, has none here either. A public area is not to be
 * changed in place: its key is kept as long as it lives.
 */
export function publicKeyOf(pub: TpmtPublic): KeyObject {
  const before = made.get(pub);
  if (before !== undefined) return before;
  const key = pub.type === 'rsa' ? rsaKeyOf(pub) : eccKeyOf(pub);
  made.set(pub, key);
  return key;
}

function rsaKeyOf({ parameters, unique }: TpmtPublicRsa): KeyObject {
  // Part 2, 12.2.3.5: zero stands for 2^16 + 1. Other exponents are optional for a TPM; none in use has one.
  if (parameters.exponent !== 0 && parameters.exponent !== 65537) {
    throw malformed('UNSUPPORTED_EXPONENT', 'parameters.exponent', 0, `${parameters.exponent}`);
  }
  const highBitSet = ((unique[0] ?? 0) & 0x80) !== 0;
  const odd = ((unique.at(-1) ?? 0) & 1) !== 0;
  if (unique.length !== parameters.keyBits / 8 || !highBitSet || !odd) {
    throw malformed('BAD_MODULUS', 'unique', 0, `no modulus of ${parameters.keyBits} bits`);
  }
  return createPublicKey({
    format: 'jwk',
    key: { kty: 'RSA', n: base64url(unique), e: 'AQAB' },
  });
}

function eccKeyOf({ parameters, unique }: TpmtPublicEcc): KeyObject {
  const curve = curveOfName(parameters.curve);
  const x = leftPadded(unique.x, curve.size);
  const y = leftPadded(unique.y, curve.size);
  if (!x || !y || !isOnCurve(curve, bigintOf(x), bigintOf(y))) {
    throw malformed('POINT_NOT_ON_CURVE', 'unique', 0, curve.name);
  }
  return createPublicKey({
    format: 'jwk',
    key: { kty: 'EC', crv: curve.jwk, x: base64url(x), y: base64url(y) },
  });
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
