import { bigintOf, type Curve } from './curve.ts';

/**
 * Ecdsa-Sig-Value: RFC 3279, 2.2.3, DER. Undefined unless r and s lie in 1..n-1. A high s stands: TPMs do not
 * normalise, about half of all signatures have one, and nothing is looked up by signature bytes.
 *
 * In this form node:crypto verifies a third faster: the other needs options beside the key, and to tell those
 * from a key it throws and catches an error.
 */
export function ecdsaSigValue(
  { n }: Curve,
  { r, s }: { readonly r: Uint8Array; readonly s: Uint8Array },
): Uint8Array | undefined {
  for (const bytes of [r, s]) {
    const value = bigintOf(bytes);
    if (value < 1n || value >= n) return undefined;
  }
  const [startOfR, startOfS] = [firstOctet(r), firstOctet(s)];
  const contents = sizeOfInteger(r, startOfR) + sizeOfInteger(s, startOfS);
  // X.690, 8.1.3; contents are never longer than 255 octets here: P-521 takes 138.
  const header = contents < 0x80 ? [0x30, contents] : [0x30, 0x81, contents];
  const der = new Uint8Array(header.length + contents);
  der.set(header);
  writeInteger(der, writeInteger(der, header.length, r, startOfR), s, startOfS);
  return der;
}

/** The first that is not zero, of a positive number. */
function firstOctet(bytes: Uint8Array): number {
  let at = 0;
  while (bytes[at] === 0) at += 1;
  return at;
}

/** Its tag, its length, and the shortest octets whose first bit is 0: X.690, 8.3. */
const sizeOfInteger = (bytes: Uint8Array, start: number): number =>
  2 + bytes.length - start + signOf(bytes, start);

const signOf = (bytes: Uint8Array, start: number): number => ((bytes[start] ?? 0) >= 0x80 ? 1 : 0);

/** Gives where it ends. */
function writeInteger(der: Uint8Array, at: number, bytes: Uint8Array, start: number): number {
  const size = sizeOfInteger(bytes, start);
  der[at] = 0x02;
  der[at + 1] = size - 2;
  der.set(bytes.subarray(start), at + size - (bytes.length - start));
  return at + size;
}
