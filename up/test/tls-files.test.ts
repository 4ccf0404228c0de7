import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTlsIdentity, spkiPinOf } from '@touchstone/transport';
import {
  finishSwap,
  nextTlsCertificate,
  pinInUse,
  prepareNextTls,
  swapTls,
} from '../keys/tls-files.ts';
import { keepTlsIdentity } from '../secrets.ts';

describe('The files of a TLS key that changes', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-tls-files-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const files = () => ({
    tls: { keyFile: join(directory, 'tls-key.pem'), certFile: join(directory, 'tls-cert.pem') },
    nextTls: { certFile: nextTlsCertificate(directory) },
  });

  it('are told of while they wait, and shown once they have changed over', async () => {
    const { pin } = await keepTlsIdentity(directory, 'touchstone-test');
    const identity = await openTlsIdentity(files());
    assert.deepEqual(identity.pins, [pin]);
    const next = await prepareNextTls(directory, 'touchstone-test');
    assert.equal(await prepareNextTls(directory, 'touchstone-test'), next);
    await identity.look();
    assert.deepEqual(identity.pins, [pin, next]);
    assert.equal(identity.shown.pin, pin);
    await swapTls(directory);
    await identity.look();
    assert.deepEqual(identity.pins, [next]);
    assert.equal(await pinInUse(directory), next);
    assert.deepEqual((await readdir(directory)).toSorted(), ['tls-cert.pem', 'tls-key.pem']);
  });

  it('are shown as before where the change stopped half-way, and the next start ends it', async () => {
    const { pin } = await keepTlsIdentity(directory, 'touchstone-test');
    const identity = await openTlsIdentity(files());
    const next = await prepareNextTls(directory, 'touchstone-test');
    // Nothing to finish yet.
    await finishSwap(directory);
    assert.equal(await pinInUse(directory), pin);
    await rename(join(directory, 'tls-next-key.pem'), join(directory, 'tls-key.pem'));
    await assert.rejects(identity.look(), { code: 'TLS_FILES_APART' });
    assert.deepEqual(identity.pins, [pin, next]);
    await assert.rejects(openTlsIdentity(files()), { code: 'TLS_FILES_APART' });
    await finishSwap(directory);
    await finishSwap(directory);
    assert.deepEqual((await openTlsIdentity(files())).pins, [next]);
  });

  it('go on with the key that was made, where the certificate was not', async () => {
    await keepTlsIdentity(directory, 'touchstone-test');
    await prepareNextTls(directory, 'touchstone-test');
    const pem = await readFile(nextTlsCertificate(directory), 'utf8');
    await rm(nextTlsCertificate(directory));
    assert.equal(
      await prepareNextTls(directory, 'touchstone-test'),
      spkiPinOf(new X509Certificate(pem)),
    );
  });
});
