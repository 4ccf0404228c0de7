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
  const contents = Buffer.concat([derInteger(r), derInteger(s)]);
  return Buffer.concat([derHeader(0x30, contents.length), contents]);
}

/** Of a positive number: the shortest octets whose first bit is 0. X.690, 8.3. */
function derInteger(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((octet) => octet !== 0);
  const shortest = bytes.subarray(first);
  const sign = (shortest[0] ?? 0) >= 0x80 ? [0] : [];
  const header = derHeader(0x02, sign.length + shortest.length);
  return Buffer.concat([header, Uint8Array.from(sign), shortest]);
}

/** X.690, 8.1.3; contents are never longer than 255 octets here: P-521 takes 138. */
const derHeader = (tag: number, length: number): Uint8Array =>
  length < 0x80 ? Uint8Array.of(tag, length) : Uint8Array.of(tag, 0x81, length);
