import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyIdOf } from '@touchstone/endorsement';
import { fileCustodyIn } from '../issuance/index.ts';

const words = () => Promise.resolve(Buffer.from('a passphrase that is long enough'));

describe('keys in clear text, of an older version', () => {
  let dir: string;
  let state: string;
  let keyIds: string[];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-clear-'));
    state = join(dir, 'state');
    await mkdir(state, { mode: 0o700 });
    await writeFile(join(state, 'ekref.secret'), Buffer.alloc(32, 1), { mode: 0o600 });
    keyIds = [await put('root', 'secp384r1'), await put('issuing', 'prime256v1')];
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function put(name: string, namedCurve: string): Promise<string> {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
    await writeFile(join(state, `${name}.key.pem`), pem(privateKey), { mode: 0o600 });
    return keyIdOf(publicKey.export({ type: 'spki', format: 'der' }));
  }
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' });
  const open = (
    passphrases: Parameters<typeof fileCustodyIn>[1] = { root: words, issuing: words },
  ) => fileCustodyIn(state, passphrases, { scryptCost: 1_024 });
  const isTakenOver = async () => {
    const custody = open();
    await custody.ready();
    const held = [...(await custody.root.keys()), ...(await custody.issuing.keys())];
    assert.deepEqual(
      held.map(({ keyId, label }) => [keyId, label]),
      [
        [keyIds[0], 'first/root'],
        [keyIds[1], 'first/issuing'],
      ],
    );
    for (const key of held) assert.ok((await key.sign(Buffer.alloc(8))).length > 64);
    assert.deepEqual((await readdir(state)).toSorted(), ['ekref.secret', 'keys']);
  };

  it('are encrypted, and are gone then', async () => {
    await isTakenOver();
    await isTakenOver();
  });

  it('are taken over wherever that was stopped before', async () => {
    const clear = join(state, 'root.key.pem');
    const aside = join(dir, 'root.key.pem');
    const filed = join(state, 'keys/root/first+root.key.pem');
    await copyFile(clear, aside);
    await isTakenOver();
    // Stopped before the clear file was set aside.
    await copyFile(aside, clear);
    await isTakenOver();
    // Before it was overwritten, and after.
    for (const contents of [await readFile(aside), Buffer.alloc(300)]) {
      await writeFile(`${clear}.taken-over`, contents);
      await isTakenOver();
    }
    // While the encrypted one was being written: there is a draft, and no key yet.
    await copyFile(aside, clear);
    await copyFile(filed, `${filed}.${process.pid}.draft`);
    await rm(filed);
    await isTakenOver();
    assert.deepEqual(await readdir(join(state, 'keys/root')), ['first+root.key.pem']);
  });

  it('stay where they are while nobody can encrypt them: ROOT_KEY_LOCKED', async () => {
    await assert.rejects(open({ issuing: words }).ready(), { code: 'ROOT_KEY_LOCKED' });
    assert.ok((await readdir(state)).includes('root.key.pem'));
    await isTakenOver();
  });

  it('stay where they are beside another key of that label: KEY_FILE_MALFORMED', async () => {
    await open().issuing.make('first/issuing');
    await assert.rejects(open().ready(), { code: 'KEY_FILE_MALFORMED' });
    assert.ok((await readdir(state)).includes('issuing.key.pem'));
  });

  it('are not believed where others could read them, or where they are none', async () => {
    const file = join(state, 'issuing.key.pem');
    await chmod(file, 0o640);
    await assert.rejects(open().ready(), { code: 'KEY_FILE_MODE' });
    await chmod(file, 0o600);
    for (const wrong of [
      'no key',
      pem(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey),
    ]) {
      await writeFile(file, wrong);
      await assert.rejects(open().ready(), { code: 'KEY_FILE_MALFORMED' });
    }
  });
});
