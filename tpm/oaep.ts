import { constants, type KeyObject, publicEncrypt } from 'node:crypto';
import { type BankName, hash, hashOfBank } from './hash.ts';
import { Writer } from './writer.ts';

/**
 * RSAES-OAEP-ENCRYPT with MGF1 over the same hash: RFC 8017, 7.1.1. By node:crypto, which draws its own
 * randomness, unless the caller gives the seed: known answers do.
 */
export function oaepEncrypt(input: {
  readonly key: KeyObject;
  readonly modulusBytes: number;
  readonly hash: BankName;
  /** Its bytes as they are, the closing NUL of Part 1, B.4 included. */
  readonly label: Uint8Array;
  readonly message: Uint8Array;
  /** Random, as long as the hash's digest. */
  readonly seed?: Uint8Array | undefined;
}): Uint8Array {
  const { key, modulusBytes, label, message, seed } = input;
  const { size } = hashOfBank(input.hash);
  const zeros = modulusBytes - message.length - 2 * size - 2;
  if (zeros < 0) throw new RangeError('message too long for OAEP under this key');
  if (seed === undefined) {
    const oaepHash = hashOfBank(input.hash).node;
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    return Uint8Array.from(publicEncrypt({ key, padding, oaepHash, oaepLabel: label }, message));
  }
  if (seed.length !== size) throw new RangeError(`OAEP seed of ${seed.length} bytes`);
  const dataBlock = new Writer()
    .bytes(hash(input.hash, label))
    .bytes(new Uint8Array(zeros))
    .u8(1)
    .bytes(message)
    .finish();
  const maskedDataBlock = xored(dataBlock, mgf1(input.hash, seed, dataBlock.length));
  const maskedSeed = xored(seed, mgf1(input.hash, maskedDataBlock, size));
  const encoded = new Writer().u8(0).bytes(maskedSeed).bytes(maskedDataBlock).finish();
  return Uint8Array.from(publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded));
}

/** MGF1: RFC 8017, B.2.1. */
function mgf1(bank: BankName, seed: Uint8Array, length: number): Uint8Array {
  const mask = new Writer();
  for (let counter = 0; counter * hashOfBank(bank).size < length; counter++) {
    mask.bytes(hash(bank, seed, new Writer().u32(counter).finish()));
  }
  return mask.finish().subarray(0, length);
}

function xored(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] ?? 0));
}
