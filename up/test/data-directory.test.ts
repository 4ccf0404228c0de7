import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDataDirectory, filesToKeep } from '../data-directory.ts';

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

  it('is backed up with what links lead to, and without the cluster and its passwords', async () => {
    for (const name of ['data/ca/tpm-roots', 'data/postgres', 'data/secrets', 'elsewhere']) {
      await mkdir(join(dir, name), { recursive: true });
    }
    for (const name of [
      'data/ca.log',
      'data/secrets/x',
      'data/postgres/x',
      'elsewhere/a root.cer',
    ]) {
      await writeFile(join(dir, name), '');
    }
    await symlink(join(dir, 'elsewhere'), join(dir, 'data/ca/tpm-roots/discrete'));
    await symlink('../../../elsewhere/a root.cer', join(dir, 'data/ca/tpm-roots/one.cer'));
    await symlink('nowhere', join(dir, 'data/dangling'));
    assert.deepEqual(await filesToKeep(join(dir, 'data')), [
      'ca/tpm-roots/discrete/a root.cer',
      'ca/tpm-roots/one.cer',
    ]);
  });
});
