import { createECDH, type KeyObject } from 'node:crypto';

/** y² = x³ + ax + b over p, of order n: SEC 2, 2. */
type Curve = {
  readonly name: string;
  readonly bytes: number;
  readonly p: bigint;
  readonly a: bigint;
  readonly b: bigint;
  readonly n: bigint;
};

const CURVES: Readonly<Record<string, Curve>> = {
  'P-256': {
    name: 'prime256v1',
    bytes: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    a: -3n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-384': {
    name: 'secp384r1',
    bytes: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    a: -3n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  secp256k1: {
    name: 'secp256k1',
    bytes: 32,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
    a: 0n,
    b: 7n,
    n: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  },
};

/**
 * Whether an ECDSA signature is over this digest: FIPS 186-5, 6.4.2, which node:crypto offers for messages
 * alone. OpenSSL multiplies the points: u1 G with both coordinates, and u2 Q with its x. The sum of two
 * points of which one lacks its y is one of two, whose x are the roots of a quadratic; the signature's r is
 * held against that. The other root is what the negated digest would have given: who finds a file for that
 * one has found a preimage.
 */
export function verifyPrehashedEcdsa(
  digest: Uint8Array,
  key: KeyObject,
  signature: { readonly r: bigint; readonly s: bigint },
): boolean {
  const { crv, x, y } = key.export({ format: 'jwk' });
  const curve = CURVES[crv ?? ''];
  if (curve === undefined || x === undefined || y === undefined) return false;
  const { p, a, b, n, bytes } = curve;
  const { r, s } = signature;
  if (r <= 0n || r >= n || s <= 0n || s >= n) return false;
  const w = inverse(s, n);
  const u1 = (numberOf(digest.subarray(0, bytes)) * w) % n;
  const u2 = (r * w) % n;
  if (u1 === 0n) return false;
  const q = Buffer.concat([Buffer.of(4), padded(x, bytes), padded(y, bytes)]);
  const [x1, x2] = [xOfBase(curve, u1), xOfProduct(curve, u2, q)];
  const difference = mod((x1 - x2) ** 2n, p);
  // The two points are one, or each other's negative: no signer comes upon that.
  if (difference === 0n) return false;
  const product = x1 * x2;
  const sum = 2n * ((product + a) * (x1 + x2) + 2n * b);
  const constant = (product - a) ** 2n - 4n * b * (x1 + x2);
  const isRoot = (root: bigint) => mod(difference * root ** 2n - sum * root + constant, p) === 0n;
  return isRoot(r) || (r + n < p && isRoot(r + n));
}

const xOfBase = (curve: Curve, scalar: bigint): bigint =>
  numberOf(
    holding(curve, scalar)
      .getPublicKey()
      .subarray(1, 1 + curve.bytes),
  );

const xOfProduct = (curve: Curve, scalar: bigint, point: Uint8Array): bigint =>
  numberOf(holding(curve, scalar).computeSecret(point));

function holding({ name, bytes }: Curve, scalar: bigint): ReturnType<typeof createECDH> {
  const ecdh = createECDH(name);
  ecdh.setPrivateKey(Buffer.from(scalar.toString(16).padStart(2 * bytes, '0'), 'hex'));
  return ecdh;
}

const padded = (base64url: string, bytes: number): Buffer => {
  const value = Buffer.from(base64url, 'base64url');
  return Buffer.concat([Buffer.alloc(bytes - value.length), value]);
};

const numberOf = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);

const mod = (value: bigint, p: bigint): bigint => ((value % p) + p) % p;

/** Euclid's, for a prime. */
function inverse(value: bigint, p: bigint): bigint {
  let [before, now] = [p, mod(value, p)];
  let [coefficientBefore, coefficient] = [0n, 1n];
  while (now > 1n) {
    const quotient = before / now;
    [before, now] = [now, before % now];
    [coefficientBefore, coefficient] = [coefficient, coefficientBefore - quotient * coefficient];
  }
  return mod(coefficient, p);
}
