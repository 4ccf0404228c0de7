import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSecret } from '../issuance-process/secret-source.ts';

describe('a secret of the issuance', () => {
  let dir: string;
  let file: string;
  const directoryBefore = process.env['CREDENTIALS_DIRECTORY'];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-secret-'));
    file = join(dir, 'words');
  });
  afterEach(async () => {
    if (directoryBefore === undefined) delete process.env['CREDENTIALS_DIRECTORY'];
    else process.env['CREDENTIALS_DIRECTORY'] = directoryBefore;
    await rm(dir, { recursive: true });
  });

  const put = async (text: string, mode = 0o600) => {
    await writeFile(file, text);
    await chmod(file, mode);
  };
  const read = async (...given: Parameters<typeof readSecret>) =>
    Buffer.from(await readSecret(...given)).toString();
  const unfit = { code: 'PASSPHRASE_UNFIT' };

  it('is what a file holds, without the line end', async () => {
    for (const text of ['sixteen letters!', 'sixteen letters!\n', 'sixteen letters!\r\n']) {
      await put(text);
      assert.equal(await read({ file }, 'passphrase'), 'sixteen letters!');
    }
    await put('two lines are one\npassphrase\n');
    assert.equal(await read({ file }, 'passphrase'), 'two lines are one\npassphrase');
  });

  it('is of 16 bytes or more, a PIN of four, and of 4,096 at most: PASSPHRASE_UNFIT', async () => {
    for (const text of ['', '\n', 'fifteen letters', 'x'.repeat(4_097)]) {
      await put(text);
      await assert.rejects(readSecret({ file }, 'passphrase'), unfit, text.slice(0, 20));
    }
    await put('1234');
    assert.equal(await read({ file }, 'pin'), '1234');
    await put('123');
    await assert.rejects(readSecret({ file }, 'pin'), unfit);
  });

  it('is nobody else’s to read, but for a container’s, whose mode says nothing', async () => {
    for (const mode of [0o640, 0o604, 0o660, 0o444]) {
      await put('sixteen letters!', mode);
      await assert.rejects(readSecret({ file }, 'passphrase'), unfit, mode.toString(8));
      assert.equal(await read({ file, container: true }, 'passphrase'), 'sixteen letters!');
    }
    await assert.rejects(readSecret({ file: join(dir, 'none') }, 'passphrase'), unfit);
    await assert.rejects(readSecret({ file: dir }, 'passphrase'), unfit);
  });

  it('is a credential of systemd’s, in the directory that it names', async () => {
    delete process.env['CREDENTIALS_DIRECTORY'];
    await put('sixteen letters!', 0o440);
    await assert.rejects(readSecret({ credential: 'words' }, 'passphrase'), unfit);
    process.env['CREDENTIALS_DIRECTORY'] = dir;
    assert.equal(await read({ credential: 'words' }, 'passphrase'), 'sixteen letters!');
    await assert.rejects(readSecret({ credential: 'none' }, 'passphrase'), unfit);
    await chmod(file, 0o444);
    await assert.rejects(readSecret({ credential: 'words' }, 'passphrase'), unfit);
  });

  it('is read from a descriptor once, which is closed then', async () => {
    await put('sixteen letters!');
    const fd = openSync(file, 'r');
    assert.equal(await read({ fd }, 'passphrase'), 'sixteen letters!');
    await assert.rejects(readSecret({ fd }, 'passphrase'), unfit);
  });
});
