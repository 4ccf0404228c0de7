import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A long seed makes each try slow; what is long has short relatives. */
const MAX_SEED_BYTES = 24_576;
const MAX_SEEDS = 96;

const root = fileURLToPath(new URL('../..', import.meta.url));
const corpus = resolve(root, process.env['TOUCHSTONE_CORPUS'] ?? '../shared/corpus');

export const hasCorpus = existsSync(join(corpus, 'manifest.json'));

/** @throws Error where the variable names a corpus that is not there */
export function requireNamedCorpus(): void {
  if (process.env['TOUCHSTONE_CORPUS'] !== undefined && !hasCorpus) {
    throw new Error(`TOUCHSTONE_CORPUS names ${corpus}, and there is no corpus`);
  }
}

/** The corpus' files of these patterns, and seeds made here, so that there are some without a corpus. */
export function seedsFrom(
  patterns: readonly string[],
  made: readonly Uint8Array[],
): readonly Uint8Array[] {
  const paths = hasCorpus ? globSync([...patterns], { cwd: corpus }).toSorted() : [];
  const files = paths.map((path) => Uint8Array.from(readFileSync(join(corpus, path))));
  const fitting = files.filter(({ length }) => length > 0 && length <= MAX_SEED_BYTES);
  const step = Math.max(1, Math.ceil(fitting.length / MAX_SEEDS));
  return [...made, ...fitting.filter((_, index) => index % step === 0)];
}
