import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Crypto } from 'node-webcrypto-p11';
import {
  fileCustodyIn,
  joinedCustody,
  openToken,
  pkcs11Custody,
  type Token,
} from '../issuance/index.ts';
import { SOFTHSM_LIBRARY, type SoftHsm, startSoftHsm } from './support/softhsm.ts';

/** Set in the process that has the token's library: some fall over their own end, and with them whoever loaded them. */
const INSIDE = 'TOUCHSTONE_TOKEN_TESTS';

if (process.env[INSIDE] === undefined) {
  it('keys in a PKCS#11 token: every rule holds, in a process of its own', () => {
    const mocha = fileURLToPath(new URL('../../node_modules/.bin/mocha', import.meta.url));
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [mocha, '--reporter', 'json', '--timeout', '60000', fileURLToPath(import.meta.url)],
      { encoding: 'utf8', env: { ...process.env, [INSIDE]: '1' }, timeout: 80_000 },
    );
    assert.ok(stdout.startsWith('{'), stdout + stderr);
    const { stats, failures } = JSON.parse(stdout) as {
      stats: { passes: number; pending: number };
      failures: unknown[];
    };
    assert.deepEqual([stats.passes, stats.pending, failures], [10, 0, []]);
  });
} else {
  describe('keys in a PKCS#11 token', keysInToken);
}

function keysInToken(): void {
  let hsm: SoftHsm;
  let dir: string;

  before(async () => {
    hsm = await startSoftHsm();
    dir = await mkdtemp(join(tmpdir(), 'ts-token-'));
  });
  after(async () => {
    for (const token of tokens) await token.close();
    await hsm?.remove();
    await rm(dir, { recursive: true, force: true });
  });

  const tokens: Token[] = [];
  const open = ({ pin = hsm.pin, token = hsm.token, library = SOFTHSM_LIBRARY } = {}) => {
    const opened = openToken({ library, token, pin: () => Promise.resolve(Buffer.from(pin)) });
    tokens.push(opened);
    return opened;
  };
  const custody = (role: 'root' | 'issuing' = 'issuing') => pkcs11Custody(open(), role);

  for (const [role, hash] of [
    ['root', 'sha384'],
    ['issuing', 'sha256'],
  ] as const) {
    it(`sign as the ${role}, verified by the public key alone`, async () => {
      const key = await custody(role).make('first/key');
      const message = randomBytes(1_000);
      const signature = await key.sign(message);
      const publicKey = createPublicKey({
        key: Buffer.from(key.spki),
        format: 'der',
        type: 'spki',
      });
      assert.ok(verify(hash, message, { key: publicKey, dsaEncoding: 'der' }, signature));
    });
  }

  it('are made once a label, are of one role, and are found by another session', async () => {
    const [first, again] = await Promise.all([1, 2].map(() => custody().make('first/key')));
    assert.equal(first?.keyId, again?.keyId);
    assert.deepEqual(
      (await custody().keys()).map(({ keyId, label, role }) => ({ keyId, label, role })),
      [{ keyId: first?.keyId, label: 'first/key', role: 'issuing' }],
    );
    assert.equal((await custody('root').keys()).length, 1);
  });

  it('cannot leave it: neither exported, nor by what the token says of them', async () => {
    await custody().make('first/key');
    await open().run(async (crypto: Crypto) => {
      const names = (await crypto.keyStorage.keys()).filter((name) => name.startsWith('private'));
      assert.equal(names.length, 2);
      for (const name of names) {
        const key = await crypto.keyStorage.getItem(name);
        await assert.rejects(crypto.subtle.exportKey('pkcs8', key));
        const { extractable, sensitive, neverExtractable, alwaysSensitive } =
          key.p11Object.getAttribute({
            ...{ extractable: null, sensitive: null },
            ...{ neverExtractable: null, alwaysSensitive: null },
          });
        assert.deepEqual(
          { extractable, sensitive, neverExtractable, alwaysSensitive },
          { extractable: false, sensitive: true, neverExtractable: true, alwaysSensitive: true },
        );
      }
    });
  });

  it('count for nothing where the token lets them out, whoever made them so: KEY_EXTRACTABLE', async () => {
    const label = 'touchstone/issuing/planted/issuing';
    await open().run((crypto: Crypto) =>
      crypto.subtle.generateKey(
        {
          ...{ name: 'ECDSA', namedCurve: 'P-256', token: true, sensitive: false, label },
          id: randomBytes(16),
        } as Parameters<Crypto['subtle']['generateKey']>[0],
        true,
        ['sign', 'verify'],
      ),
    );
    const code = { code: 'KEY_EXTRACTABLE' };
    await assert.rejects(custody().make('planted/issuing'), code);
    await assert.rejects(custody().ready(), code);
    const planted = (await custody().keys()).find((key) => key.label === 'planted/issuing');
    await assert.rejects(planted?.sign(randomBytes(8)) ?? Promise.resolve(), code);
    await custody().destroy(planted?.keyId ?? '');
    await custody().ready();
  });

  it('are gone when they are destroyed, and so is the half that an interruption left', async () => {
    const doomed = await custody().make('r1/issuing');
    await custody().destroy(doomed.keyId);
    await custody().destroy(doomed.keyId);
    await assert.rejects(doomed.sign(randomBytes(8)), { code: 'KEY_NOT_HELD' });
    await custody().make('r2/issuing');
    await open().run(async (crypto: Crypto) => {
      for (const name of await crypto.keyStorage.keys()) {
        const { algorithm, type } = await crypto.keyStorage.getItem(name);
        if (type === 'public' && algorithm.label.endsWith('r2/issuing')) {
          await crypto.keyStorage.removeItem(name);
        }
      }
    });
    assert.ok((await custody().keys()).every(({ label }) => label !== 'r2/issuing'));
    const { keyId } = await custody().make('r2/issuing');
    await custody().destroy(keyId);
    const left = await open().run(async (crypto: Crypto) => crypto.keyStorage.keys());
    assert.equal(left.length, 4, 'two pairs');
  });

  it('sign on when the session was lost', async () => {
    const token = open();
    const key = await pkcs11Custody(token, 'issuing').make('first/key');
    await token.run((crypto: Crypto) => {
      crypto.session.close();
      return Promise.resolve();
    });
    assert.ok((await key.sign(randomBytes(8))).length > 64);
  });

  it('are out of reach with a wrong PIN, which is tried once: TOKEN_LOGIN_REFUSED', async () => {
    for (const token of tokens) await token.close();
    let asked = 0;
    const token = openToken({
      ...{ library: SOFTHSM_LIBRARY, token: hsm.token },
      pin: () => Promise.resolve(Buffer.from(`wrong${(asked += 1)}`)),
    });
    const keys = pkcs11Custody(token, 'issuing');
    for (let tries = 0; tries < 3; tries += 1) {
      await assert.rejects(keys.ready(), { code: 'TOKEN_LOGIN_REFUSED' });
    }
    assert.equal(asked, 1);
  });

  it('are looked for in the token of that label alone: TOKEN_NOT_FOUND', async () => {
    const code = { code: 'TOKEN_NOT_FOUND' };
    await assert.rejects(pkcs11Custody(open({ token: 'nobody' }), 'root').keys(), code);
    const library = join(dir, 'no-library.so');
    await assert.rejects(pkcs11Custody(open({ library }), 'root').keys(), code);
    await writeFile(library, 'no ELF');
    await assert.rejects(pkcs11Custody(open({ library }), 'root').keys(), code);
  });

  it('stand beside those that lay in files before, which go on signing', async () => {
    const secret = () => Promise.resolve(randomBytes(24));
    const words = await secret();
    const files = fileCustodyIn(join(dir, 'state'), { issuing: () => Promise.resolve(words) });
    const old = await files.issuing.make('first/issuing');
    const both = joinedCustody(custody(), files.issuing);
    assert.equal((await both.make('first/issuing')).keyId, old.keyId);
    const made = await both.make('r3/issuing');
    assert.deepEqual(await readdir(join(dir, 'state/keys/issuing')), ['first+issuing.key.pem']);
    const ids = (await both.keys()).map(({ keyId }) => keyId);
    assert.ok(ids.includes(old.keyId) && ids.includes(made.keyId));
    for (const keyId of [old.keyId, made.keyId]) await both.destroy(keyId);
    assert.deepEqual(await readdir(join(dir, 'state/keys/issuing')), []);
  });
}
