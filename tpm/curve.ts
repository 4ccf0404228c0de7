import { TPM_ECC_NIST_P256, TPM_ECC_NIST_P384, TPM_ECC_NIST_P521 } from './constants.ts';
import { malformed } from './malformed.ts';

export type CurveName = 'nist_p256' | 'nist_p384' | 'nist_p521';

/** y^2 = x^3 - 3x + b over the field of p elements; n is the order, the cofactor is 1: SP 800-186, 3.2.1. */
export type Curve = {
  readonly name: CurveName;
  /** TPM_ECC_CURVE. */
  readonly id: number;
  readonly jwk: 'P-256' | 'P-384' | 'P-521';
  /** As node:crypto names it. */
  readonly openssl: string;
  /** Bytes of a coordinate, of r and of s. */
  readonly size: number;
  readonly p: bigint;
  readonly b: bigint;
  readonly n: bigint;
};

const CURVES: readonly Curve[] = [
  {
    name: 'nist_p256',
    id: TPM_ECC_NIST_P256,
    jwk: 'P-256',
    openssl: 'prime256v1',
    size: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  {
    name: 'nist_p384',
    id: TPM_ECC_NIST_P384,
    jwk: 'P-384',
    openssl: 'secp384r1',
    size: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  {
    name: 'nist_p521',
    id: TPM_ECC_NIST_P521,
    jwk: 'P-521',
    openssl: 'secp521r1',
    size: 66,
    p: 2n ** 521n - 1n,
    b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    n: 0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
];

/** Throws ParseError UNSUPPORTED_CURVE for a curve other than the three NIST ones of at least 256 bits. */
export function curveOfId(id: number, field: string, offset: number): Curve {
  const found = CURVES.find((curve) => curve.id === id);
  if (found) return found;
  throw malformed('UNSUPPORTED_CURVE', field, offset, `0x${id.toString(16)}`);
}

export function curveOfName(name: CurveName): Curve {
  const found = CURVES.find((curve) => curve.name === name);
  if (found) return found;
  throw new RangeError(`no curve ${name}`);
}

/** The curve that node:crypto gives this name; undefined for every other and for none. */
export function curveOfOpenssl(name: string | undefined): Curve | undefined {
  return CURVES.find(({ openssl }) => openssl === name);
}

/** Is (x, y) a point of the curve: both coordinates reduced, the equation held, not infinity. */
export function isOnCurve(curve: Curve, x: bigint, y: bigint): boolean {
  if (x < 0n || y < 0n || x >= curve.p || y >= curve.p) return false;
  return (y * y - (x * x * x - 3n * x + curve.b)) % curve.p === 0n;
}

/** A big-endian number; leading zeros count for nothing, no bytes are zero. */
export function bigintOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

/** `value` left-padded with zeros; undefined if it needs more than `size` bytes. */
export function leftPadded(value: Uint8Array, size: number): Uint8Array | undefined {
  const firstSet = value.findIndex((byte) => byte !== 0);
  const significant = firstSet === -1 ? new Uint8Array() : value.subarray(firstSet);
  if (significant.length > size) return undefined;
  const out = new Uint8Array(size);
  out.set(significant, size - significant.length);
  return out;
}
