import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyIdOf } from '@touchstone/endorsement';
import { CaBundle } from '@touchstone/schemas';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { fileCustodyIn, localIssuance, pemOf } from '../issuance/index.ts';
import { type CaProcess, runCa, startCa } from './support/ca-process.ts';

const words = () => Promise.resolve(Buffer.from('for this file alone'));

describe('a CA whose state directory is of an older version', () => {
  let postgres: Postgres;
  let ca: CaProcess;
  let certificates: string[];

  before(async () => {
    postgres = await startPostgres();
    ca = await startCa(postgres, { database: 'ca_earlier', before: olderState });
  });
  after(async () => {
    await ca?.remove();
    await postgres?.stop();
  });

  /** `root.key.pem`, `root.cert.pem` and so on, the keys in clear text. */
  async function olderState(stateDir: string): Promise<void> {
    await mkdir(stateDir, { mode: 0o700 });
    const custody = fileCustodyIn(`${stateDir}-made`, { root: words, issuing: words });
    const put = (name: string, text: string | Uint8Array) =>
      writeFile(join(stateDir, name), text, { mode: 0o600 });
    const key = async (role: 'root' | 'issuing', namedCurve: string) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', {
        namedCurve,
        publicKeyEncoding: { type: 'spki', format: 'der' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
      await put(`${role}.key.pem`, privateKey);
      await custody[role].adopt('first', createPrivateKey(privateKey));
      return keyIdOf(publicKey);
    };
    const now = new Date();
    const issuance = localIssuance(custody, () => now);
    const root = await issuance.signRoot({ keyId: await key('root', 'secp384r1'), now });
    const keyId = await key('issuing', 'prime256v1');
    const issuing = await issuance.signIssuing({ root, keyId, now });
    await put('ekref.secret', Buffer.alloc(32, 7));
    certificates = [pemOf(root), pemOf(issuing)];
    await put('root.cert.pem', certificates[0] ?? '');
    await put('issuing.cert.pem', certificates[1] ?? '');
  }

  it('has the same root and issuing CA, and its keys encrypted', async () => {
    const request = { method: 'GET', path: '/v1/bundle', schema: CaBundle } as const;
    const { anchors, issuers } = await ca.client.request(request);
    const same = (pem = '') => new X509Certificate(pem).fingerprint256;
    assert.deepEqual(
      [...anchors, ...issuers.map(({ certificate }) => certificate)].map(same),
      certificates.map(same),
    );
    const files = await readdir(ca.stateDir, { recursive: true });
    assert.deepEqual(files.filter((file) => file.endsWith('.key.pem')).toSorted(), [
      'keys/issuing/first+issuing.key.pem',
      'keys/root/first+root.key.pem',
    ]);
    assert.equal((await runCa('init', '--config', ca.configFile)).code, 0);
  });
});
