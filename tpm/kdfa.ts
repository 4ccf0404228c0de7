import { createHmac } from 'node:crypto';
import { type BankName, hashOfBank } from './hash.ts';
import { Writer } from './writer.ts';

export type KdfaInput = {
  readonly hash: BankName;
  readonly key: Uint8Array;
  /** Without its NUL, which is added. */
  readonly label: string;
  readonly contextU: Uint8Array;
  readonly contextV: Uint8Array;
  readonly bits: number;
};

/**
 * KDFa, the counter mode of SP 800-108 with HMAC: Part 1, 11.4.10.2. Where `bits` is no multiple of
 * eight the first byte's surplus high bits are zero.
 */
export function kdfa({ hash, key, label, contextU, contextV, bits }: KdfaInput): Uint8Array {
  if (!Number.isInteger(bits) || bits < 1 || bits > 0xffff) throw new RangeError(`${bits} bits`);
  const { node, size } = hashOfBank(hash);
  const fixed = new Writer()
    .bytes(Buffer.from(label, 'utf8'))
    .u8(0)
    .bytes(contextU)
    .bytes(contextV)
    .u32(bits)
    .finish();
  const out = new Uint8Array(Math.ceil(bits / 8));
  for (let counter = 1, offset = 0; offset < out.length; counter++, offset += size) {
    const block = createHmac(node, key).update(new Writer().u32(counter).finish()).update(fixed);
    out.set(block.digest().subarray(0, out.length - offset), offset);
  }
  if (bits % 8 !== 0) out[0] = (out[0] ?? 0) & ((1 << (bits % 8)) - 1);
  return out;
}
