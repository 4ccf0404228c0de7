import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDataDirectory } from '../data-directory.ts';

describe('the data directory', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-data-'));
  });

  afterEach(() => rm(dir, { recursive: true }));

  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

  it('is made, whatever the umask, for others to pass through and no more', async () => {
    const path = join(dir, 'data');
    const umask = process.umask(0);
    try {
      await ensureDataDirectory(path);
    } finally {
      process.umask(umask);
    }
    assert.equal(await modeOf(path), '711');
  });

  it('is closed where it was open and nothing lay in it', async () => {
    await chmod(dir, 0o777);
    await ensureDataDirectory(dir);
    assert.equal(await modeOf(dir), '711');
  });

  for (const bits of [0o777, 0o720]) {
    it(`is not believed where others could write, mode ${bits.toString(8)}: DATA_EXPOSED`, async () => {
      await writeFile(join(dir, 'first-token-given'), '');
      await ensureDataDirectory(dir);
      await chmod(dir, bits);
      await assert.rejects(ensureDataDirectory(dir), { code: 'DATA_EXPOSED' });
    });
  }

  it('is not taken from another owner: DATA_EXPOSED', async () => {
    const { geteuid } = process;
    process.geteuid = () => (geteuid?.() ?? 0) + 1;
    try {
      await assert.rejects(ensureDataDirectory(dir), { code: 'DATA_EXPOSED' });
    } finally {
      Object.assign(process, { geteuid });
    }
  });
});
