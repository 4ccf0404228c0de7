import { type BankName, hash as digest, hashOfBank } from './hash.ts';
import { Writer } from './writer.ts';

export type KdfeInput = {
  readonly hash: BankName;
  /** The x-coordinate of the shared point, at the curve's full width; so are the two below. */
  readonly z: Uint8Array;
  /** Without its NUL, which is added. */
  readonly label: string;
  readonly partyUInfo: Uint8Array;
  readonly partyVInfo: Uint8Array;
  readonly bits: number;
};

/**
 * KDFe, the concatenation KDF of SP 800-56A with a plain hash: Part 1, 11.4.10.3. Where `bits` is no
 * multiple of eight the first byte's surplus high bits are zero.
 */
export function kdfe(input: KdfeInput): Uint8Array {
  const { hash, z, label, partyUInfo, partyVInfo, bits } = input;
  if (!Number.isInteger(bits) || bits < 1 || bits > 0xffff) throw new RangeError(`${bits} bits`);
  const { size } = hashOfBank(hash);
  const otherInfo = new Writer()
    .bytes(Buffer.from(label, 'utf8'))
    .u8(0)
    .bytes(partyUInfo)
    .bytes(partyVInfo)
    .finish();
  const out = new Uint8Array(Math.ceil(bits / 8));
  for (let counter = 1, offset = 0; offset < out.length; counter++, offset += size) {
    const block = digest(hash, new Writer().u32(counter).finish(), z, otherInfo);
    out.set(block.subarray(0, out.length - offset), offset);
  }
  if (bits % 8 !== 0) out[0] = (out[0] ?? 0) & ((1 << (bits % 8)) - 1);
  return out;
}
