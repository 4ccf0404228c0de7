import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { maySkip } from './skips.ts';

/**
 * Recorded evidence of real machines: logs, quotes, certificates. It is no part of this repository.
 *
 * TOUCHSTONE_CORPUS names its folder; by default it is `shared/corpus` beside the clone. Where the
 * variable is set and the folder is not there the tests that need it fail; where it is not set they
 * are skipped, and test/skips.json must name them.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const named = process.env['TOUCHSTONE_CORPUS'];
const corpus = resolve(root, named || '../shared/corpus');
const isThere = existsSync(join(corpus, 'manifest.json'));

const WITHOUT_CORPUS = 'needs the corpus';

export function corpusPath(...parts: readonly string[]): string {
  assert.ok(isThere, `no corpus at ${corpus}`);
  return join(corpus, ...parts);
}

/** A suite that reads the corpus, if only to make its tests. Without one its body is not run. */
export function describeCorpus(title: string, body: () => void): void {
  describe(title, () => {
    if (isThere) body();
    skippable(WITHOUT_CORPUS, () => {});
  });
}

/** A test that reads the corpus. */
export function corpusIt(title: string, body: () => void | Promise<void>): void {
  skippable(title, body);
}

function skippable(title: string, body: () => void | Promise<void>): void {
  if (!isThere && !named) {
    it.skip(title);
    return;
  }
  const test = it(title, () => {
    assert.ok(isThere, `TOUCHSTONE_CORPUS names ${corpus}, and there is no corpus`);
    // Seen where the corpus is there, lest it be seen first where it is not.
    assert.ok(maySkip(test.fullTitle()), `test/skips.json does not name "${test.fullTitle()}"`);
    return body();
  });
}
