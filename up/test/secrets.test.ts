import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepSecret } from '../secrets.ts';

describe('A secret that up makes', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-secret-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('is there whole or not at all: the CA’s keys are encrypted under one', async () => {
    const path = join(dir, 'key-passphrase');
    const bytes = Buffer.alloc(1 << 26, 'x');
    let made = false;
    const making = keepSecret(path, () => Promise.resolve(bytes)).finally(() => (made = true));
    const sizes = new Set<number>();
    while (!made) {
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined) sizes.add(found.size);
    }
    await making;
    const { size, mode } = await stat(path);
    assert.deepEqual([...sizes.add(size)], [bytes.length]);
    assert.equal(mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dir), ['key-passphrase']);
  });

  it('is made once, and gives way to none that came meanwhile', async () => {
    const path = join(dir, 'root-secret');
    assert.equal(await keepSecret(path, () => Promise.resolve('first')), 'first');
    assert.equal(await keepSecret(path, () => Promise.resolve('second')), 'first');
    const other = join(dir, 'other');
    const late = keepSecret(other, async () => {
      await writeFile(other, 'of somebody else');
      return 'late';
    });
    await assert.rejects(late, { code: 'EEXIST' });
    assert.equal(await readFile(other, 'utf8'), 'of somebody else');
  });
});
