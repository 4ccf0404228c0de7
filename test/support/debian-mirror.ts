import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { maySkip } from './skips.ts';

/**
 * A test over packages as Debian's mirror has them today, fetched by apt into a folder of their own. Where there is
 * no mirror, or it no longer has these versions, the test is skipped, and test/skips.json names it.
 */
export function packagesIt(
  title: string,
  packages: readonly string[],
  body: (files: readonly string[], folder: string) => Promise<void>,
): void {
  const test = it(title, async function () {
    // Seen where there is a mirror, lest it be seen first where there is none.
    assert.ok(maySkip(test.fullTitle()), `test/skips.json does not name "${test.fullTitle()}"`);
    const folder = mkdtempSync(join(tmpdir(), 'touchstone-packages-'));
    try {
      const { status } = spawnSync('apt-get', ['-q', 'download', ...packages], {
        cwd: folder,
        stdio: 'ignore',
        timeout: 60_000,
      });
      const files = readdirSync(folder).filter((file) => file.endsWith('.deb'));
      if (status !== 0 || files.length !== packages.length) return this.skip();
      return await body(
        files.map((file) => join(folder, file)),
        folder,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
