import { DER } from './der-reader.ts';

/** One element: X.690, 8.1, with its length in the fewest octets. */
export function derOf(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return join(Uint8Array.of(tag), lengthOf(length), ...contents);
}

export const NULL = derOf(DER.null);
export const TRUE = derOf(DER.boolean, Uint8Array.of(0xff));

/** OBJECT IDENTIFIER from its dotted form. */
export function encodeOid(dotted: string): Uint8Array {
  if (!/^[012](\.(0|[1-9]\d*))+$/.test(dotted)) throw new RangeError(`no OID: ${dotted}`);
  const [root = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  if (root < 2n && second > 39n) throw new RangeError(`no OID: ${dotted}`);
  const octets = [root * 40n + second, ...rest].flatMap((arc) => {
    const base128 = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) {
      base128.unshift(Number(left & 0x7fn) | 0x80);
    }
    return base128;
  });
  return derOf(DER.oid, Uint8Array.from(octets));
}

/** INTEGER from the big-endian octets of a number that is not negative. */
export function encodeUnsigned(octets: Uint8Array): Uint8Array {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start += 1;
  const fewest = octets.subarray(start);
  const sign = (fewest[0] ?? 0) >= 0x80 || fewest.length === 0 ? [0] : [];
  return derOf(DER.integer, Uint8Array.from(sign), fewest);
}

/** BIT STRING of whole octets. */
export function encodeBits(octets: Uint8Array): Uint8Array {
  return derOf(DER.bitString, Uint8Array.of(0), octets);
}

export function encodeText(tag: number, text: string): Uint8Array {
  return derOf(tag, Buffer.from(text, 'utf8'));
}

/** Time: RFC 5280, 4.1.2.5: UTCTime through 2049, else GeneralizedTime. Fractions are cut off. */
export function encodeTime(time: Date): Uint8Array {
  const digits = time
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '');
  const year = time.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? encodeText(DER.utcTime, `${digits.slice(2)}Z`)
    : encodeText(DER.generalizedTime, `${digits}Z`);
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
