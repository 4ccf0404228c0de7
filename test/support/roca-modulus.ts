import { checkPrimeSync, createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';

const EXPONENT = 65537n;

/**
 * A modulus with primes as Infineon's library made them: p = k * M + (65537 ^ a mod M), M the product of the first
 * `inM` primes. Nemec and others, ACM CCS 2017, 2.1.
 */
export const rocaModulus = (bits: number, inM: number): Buffer => bytesOf(rocaPrimes(bits, inM).n);

/** The whole key. */
export function rocaKey(bits: number, inM: number): KeyObject {
  for (;;) {
    const { n, p, q } = rocaPrimes(bits, inM);
    const order = (p - 1n) * (q - 1n);
    if (order % EXPONENT === 0n) continue;
    const d = inverse(EXPONENT, order);
    const numbers = {
      n,
      e: EXPONENT,
      d,
      p,
      q,
      dp: d % (p - 1n),
      dq: d % (q - 1n),
      qi: inverse(q, p),
    };
    const jwk = Object.fromEntries(
      Object.entries(numbers).map(([name, number]) => [
        name,
        bytesOf(number).toString('base64url'),
      ]),
    );
    return createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' });
  }
}

function rocaPrimes(bits: number, inM: number) {
  const product = firstPrimes(inM).reduce((all, prime) => all * prime, 1n);
  for (;;) {
    const [p, q] = [rocaPrime(bits / 2, product), rocaPrime(bits / 2, product)];
    if ((p * q).toString(2).length === bits) return { n: p * q, p, q };
  }
}

function rocaPrime(bits: number, product: bigint): bigint {
  const high = 3n << BigInt(bits - 2);
  const room = 1n << BigInt(bits - 2);
  for (;;) {
    const residue = power(EXPONENT, randomBelow(product), product);
    const k = (high + randomBelow(room)) / product;
    const candidate = k * product + residue;
    if (candidate.toString(2).length === bits && checkPrimeSync(candidate)) return candidate;
  }
}

function firstPrimes(count: number): bigint[] {
  const primes: bigint[] = [];
  for (let number = 2n; primes.length < count; number += 1n) {
    if (primes.every((prime) => number % prime !== 0n)) primes.push(number);
  }
  return primes;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let bit = base, left = exponent; left > 0n; left >>= 1n, bit = (bit * bit) % modulus) {
    if ((left & 1n) === 1n) result = (result * bit) % modulus;
  }
  return result;
}

/** Euclid's, extended. */
function inverse(of: bigint, modulus: bigint): bigint {
  let [rest, next, factor, following] = [modulus, of, 0n, 1n];
  while (next > 0n) {
    const quotient = rest / next;
    [rest, next] = [next, rest - quotient * next];
    [factor, following] = [following, factor - quotient * following];
  }
  return ((factor % modulus) + modulus) % modulus;
}

function bytesOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}

const randomBelow = (bound: bigint): bigint =>
  BigInt(`0x${randomBytes(bound.toString(16).length).toString('hex')}`) % bound;
