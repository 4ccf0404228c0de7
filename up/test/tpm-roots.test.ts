import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tpmRootsIn } from '../tpm-roots.ts';

describe('the roots of TPM makers', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-roots-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const put = async (...path: [string, ...string[]]) => {
    const file = join(dir, 'tpm-roots', ...path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, 'certificate');
    return file;
  };

  it('are none unless somebody put one there', async () => {
    assert.deepEqual(await tpmRootsIn(dir), []);
  });

  it('vouch for the class of their directory', async () => {
    const [vm, one, two] = [
      await put('virtual', 'cloud.pem'),
      await put('discrete', 'a.pem'),
      await put('discrete', 'b.crt'),
    ];
    await put('discrete', '.b.crt.swp');
    assert.deepEqual(await tpmRootsIn(dir), [
      { certificateFile: one, class: 'discrete' },
      { certificateFile: two, class: 'discrete' },
      { certificateFile: vm, class: 'virtual' },
    ]);
  });

  it('vouch for nothing else: TPM_ROOTS_MALFORMED', async () => {
    await put('hardware', 'a.pem');
    await assert.rejects(tpmRootsIn(dir), { code: 'TPM_ROOTS_MALFORMED' });
    await rm(join(dir, 'tpm-roots'), { recursive: true });
    await put('a.pem');
    await assert.rejects(tpmRootsIn(dir), { code: 'TPM_ROOTS_MALFORMED' });
  });
});
