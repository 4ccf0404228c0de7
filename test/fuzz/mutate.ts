import type { Random } from './random.ts';

/** What is tried is never longer than the seed and this. */
const MAX_GROWTH = 4_096;

/** Numbers at which readers go wrong: none, one, the signs of 8, 16 and 32 bits, and what lies beside them. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 0x10, 0x1f, 0x20, 0x40, 0x7f, 0x80, 0xfe, 0xff, 0x100, 0x7fff, 0x8000,
  0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
] as const;

type Mutation = (bytes: Buffer, random: Random, others: readonly Uint8Array[]) => Buffer;

const flipBit: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
};

const setByte: Mutation = (bytes, random) => {
  bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
};

/** A length, count or tag that lies, in either byte order. */
const setNumber: Mutation = (bytes, random) => {
  const size = random.pick([1, 2, 4] as const);
  if (bytes.length < size) return bytes;
  const at = random.below(bytes.length - size + 1);
  const value = random.pick([...EDGES, bytes.length, bytes.length - at, bytes.length - at - size]);
  const fitting = Math.max(0, value) % 2 ** (8 * size);
  if (random.below(2) === 0) bytes.writeUIntBE(fitting, at, size);
  else bytes.writeUIntLE(fitting, at, size);
  return bytes;
};

const truncate: Mutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length));

const append: Mutation = (bytes, random) => {
  const tail = Buffer.alloc(1 + random.below(64), random.pick([0x00, 0x20, 0x30, 0x5b, 0xff]));
  return Buffer.concat([bytes, tail]);
};

const cut: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  const to = from + 1 + random.below(Math.min(64, bytes.length - from));
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const repeat: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  const to = from + 1 + random.below(Math.min(256, bytes.length - from));
  const times = 1 + random.below(8);
  const part = bytes.subarray(from, to);
  return Buffer.concat([
    bytes.subarray(0, to),
    ...Array.from({ length: times }, () => part),
    bytes.subarray(to),
  ]);
};

const splice: Mutation = (bytes, random, others) => {
  const other = random.pick(others);
  const from = random.below(bytes.length);
  const otherFrom = random.below(other.length);
  const part = other.subarray(otherFrom, otherFrom + 1 + random.below(512));
  return Buffer.concat([bytes.subarray(0, from), part, bytes.subarray(from + part.length)]);
};

const MUTATIONS = [flipBit, setByte, setNumber, setNumber, truncate, append, cut, repeat, splice];

/** One to four changes of a seed. */
export function mutate(
  seed: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  let bytes: Buffer = Buffer.from(seed);
  for (let left = 1 + random.below(4); left > 0 && bytes.length > 0; left -= 1) {
    bytes = random.pick(MUTATIONS)(bytes, random, others);
  }
  return Uint8Array.from(bytes.subarray(0, seed.length + MAX_GROWTH));
}

/** No more offsets of one seed than this are gone through one by one. */
const MAX_OFFSETS = 2_048;

/** What every parser is to refuse or read, seed by seed: cut at each offset, and a byte too many. */
export function* damagedEverywhere(seed: Uint8Array): Generator<Uint8Array> {
  const step = Math.max(1, Math.ceil(seed.length / MAX_OFFSETS));
  for (let length = 0; length < seed.length; length += step) yield seed.slice(0, length);
  for (const tail of [0x00, 0xff]) yield Uint8Array.from([...seed, tail]);
}
