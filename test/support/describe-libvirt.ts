import assert from 'node:assert/strict';
import { maySkip } from './skips.ts';

/**
 * A suite with libvirt hosts: libvirt's system daemon is root's, also in a namespace. For anybody else its body is not
 * run, and test/skips.json has to name it.
 */
export function describeLibvirt(title: string, body: () => void): void {
  describe(title, () => {
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) body();
    const test = (isRoot ? it : it.skip)('needs root', () => {
      // Seen where there is root, lest it be seen first where there is none.
      assert.ok(maySkip(test.fullTitle()), `test/skips.json does not name "${test.fullTitle()}"`);
    });
  });
}
