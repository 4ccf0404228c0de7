import { checkPrimeSync, randomBytes } from 'node:crypto';

/**
 * A modulus with primes as Infineon's library made them: p = k * M + (65537 ^ a mod M), M the product of the first
 * `inM` primes. Nemec and others, ACM CCS 2017, 2.1. Nobody has its private key here but whoever remembers the primes.
 */
export function rocaModulus(bits: number, inM: number): Buffer {
  const product = firstPrimes(inM).reduce((all, prime) => all * prime, 1n);
  let modulus: bigint;
  do modulus = rocaPrime(bits / 2, product) * rocaPrime(bits / 2, product);
  while (modulus.toString(2).length !== bits);
  return Buffer.from(modulus.toString(16).padStart(bits / 4, '0'), 'hex');
}

function rocaPrime(bits: number, product: bigint): bigint {
  const high = 3n << BigInt(bits - 2);
  const room = 1n << BigInt(bits - 2);
  for (;;) {
    const residue = power(65537n, randomBelow(product), product);
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

const randomBelow = (bound: bigint): bigint =>
  BigInt(`0x${randomBytes(bound.toString(16).length).toString('hex')}`) % bound;
