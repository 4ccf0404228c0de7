import type { Target } from '../target.ts';

const SEED = Uint8Array.from({ length: 32 }, (_, at) => at);
const seeds = () => [SEED];
let tables: unknown;

/** Parsers with the faults that are looked for. */
export const TARGETS: readonly Target[] = [
  {
    name: 'crashes',
    seeds,
    read: (bytes) => {
      if (bytes.length === 31) (bytes as unknown as { gone: () => void }).gone();
      return undefined;
    },
  },
  {
    name: 'changes',
    seeds,
    read: (bytes) => (bytes.length === 33 ? bytes.subarray(0, 32) : bytes),
  },
  {
    name: 'hangs',
    seeds,
    read: (bytes) => {
      while (bytes.length === 30);
      return undefined;
    },
  },
  {
    name: 'believes-a-length',
    seeds,
    read: (bytes) => {
      const claimed = bytes.length === 29 ? 64 * 1_024 * 1_024 : bytes.length;
      return new Uint8Array(claimed).length > 64 ? undefined : bytes;
    },
  },
  {
    name: 'believes-a-count',
    seeds,
    read: (bytes) => {
      const claimed = bytes.length === 29 ? 4_000_000 : bytes.length;
      const list = Array.from({ length: claimed }, (_, at) => ({ at }));
      return list.length > 64 ? undefined : bytes;
    },
  },
  {
    name: 'makes-much-once',
    seeds,
    read: () => {
      tables ??= Array.from({ length: 1_000_000 }, (_, at) => ({ at }));
      return undefined;
    },
  },
  {
    name: 'takes-all-memory',
    seeds,
    read: (bytes) => {
      const all: unknown[] = [];
      while (bytes.length === 28) all.push(Array.from({ length: 1_000_000 }).fill(0));
      return undefined;
    },
  },
];
