/**
 * The fingerprint of RSA moduli whose primes Infineon's library made, CVE-2017-15361: Nemec and others, "The Return of
 * Coppersmith's Attack", ACM CCS 2017, 2.3. Its primes are k * M + (65537 ^ a mod M), M being the product of the first
 * 39 to 225 primes, so that a modulus lies in the group that 65537 generates modulo each of these primes.
 */
const GENERATOR = 65537n;

/** The first 39: all sizes of key have these in M. */
const PRIMES = [
  ...[2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89],
  ...[97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167],
].map(BigInt);

/** By prime, what 65537 generates modulo it. Where that is everything the prime tells nothing. */
const GROUPS = PRIMES.map((prime) => ({ prime, group: generated(prime) })).filter(
  ({ prime, group }) => BigInt(group.size) < prime - 1n,
);

/**
 * Whether a modulus, big-endian, has the fingerprint. A key that was made otherwise has it once in some 2^27: that one
 * is taken for weak too.
 */
export function isRocaModulus(modulus: Uint8Array): boolean {
  if (modulus.length === 0) return false;
  const number = BigInt(`0x${Buffer.from(modulus).toString('hex')}`);
  return GROUPS.every(({ prime, group }) => group.has(number % prime));
}

function generated(prime: bigint): ReadonlySet<bigint> {
  const group = new Set<bigint>();
  for (let power = 1n; !group.has(power); power = (power * GENERATOR) % prime) group.add(power);
  return group;
}
