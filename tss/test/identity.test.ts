import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  EK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  hierarchyName,
  nameOf,
  parseTpm2bPublic,
  publicKeyOf,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
} from '@touchstone/tpm';
import { openTpm, TpmError } from 'node-tpm2-tss-bindings';
import type { Tpm } from 'node-tpm2-tss-bindings';
import { startSwtpm } from '../../test/support/swtpm.ts';
import type { Swtpm } from '../../test/support/swtpm.ts';
import { EK_HANDLE } from './support/attester.ts';

const EK_CERTIFICATE = 0x01c00002;

describe('the endorsement key', () => {
  let swtpm: Swtpm;
  let tpm: Tpm;
  before(async () => {
    swtpm = await startSwtpm();
    tpm = await openTpm({ tcti: swtpm.tcti });
  });
  after(async () => {
    await tpm?.close();
    await swtpm?.stop();
  });

  it('has a certificate in NV, which is read whole in chunks', async () => {
    const publicArea = await tpm.nvReadPublic(EK_CERTIFICATE);
    const der = await tpm.nvRead(EK_CERTIFICATE);
    assert.equal(der.length, publicArea?.size);
    const certificate = new X509Certificate(der);
    assert.equal(certificate.raw.length, der.length);
    const ek = await tpm.openPersistent(EK_HANDLE);
    const { public: ekPublic } = await tpm.readPublic(ek);
    assert.ok(publicKeyOf(parseTpm2bPublic(ekPublic)).equals(certificate.publicKey));
  });

  it('is read with the Name and the qualified Name that follow from its public area', async () => {
    const ek = await tpm.openPersistent(EK_HANDLE);
    assert.equal(ek.handle, EK_HANDLE);
    const read = await tpm.readPublic(ek);
    const name = nameOf(parseTpm2bPublic(read.public));
    assert.deepEqual(Buffer.from(read.name), Buffer.from(name));
    const qualified = qualifiedNameOf(
      hierarchyName(TPM_RH_ENDORSEMENT),
      parseTpm2bPublic(read.public),
    );
    assert.deepEqual(Buffer.from(read.qualifiedName), Buffer.from(qualified));
  });

  it('comes out of its template again: the same key as a primary', async () => {
    const primary = await tpm.createPrimary({
      hierarchy: 'endorsement',
      inPublic: encodeTpm2bPublic(EK_TEMPLATE_RSA2048),
    });
    const ek = await tpm.openPersistent(EK_HANDLE);
    assert.deepEqual(await tpm.readPublic(primary), await tpm.readPublic(ek));
    assert.deepEqual(await tpm.handles('transient'), [primary.handle]);
    await tpm.flush(primary);
    assert.deepEqual(await tpm.handles('transient'), []);
  });

  it('is forgotten, not removed, when its object is flushed', async () => {
    const ek = await tpm.openPersistent(EK_HANDLE);
    await tpm.flush(ek);
    assert.ok((await tpm.handles('persistent')).includes(EK_HANDLE));
    await assert.rejects(tpm.readPublic(ek), { name: 'TpmError', code: 'TPM_MISUSE' });
  });

  it('gives null for an NV index that is not defined, and refuses to read it: TPM_RC_HANDLE', async () => {
    assert.equal(await tpm.nvReadPublic(0x01c0000a), null);
    await assert.rejects(tpm.nvRead(0x01c0000a), { code: 'TPM_RC', rcName: 'TPM_RC_HANDLE' });
    await assert.rejects(tpm.nvRead(EK_HANDLE), { code: 'TPM_MISUSE' });
  });

  it('refuses a persistent handle with nothing there: TPM_RC_HANDLE', async () => {
    const refusal = { code: 'TPM_RC', rcName: 'TPM_RC_HANDLE', command: 'TPM2_ReadPublic' };
    await assert.rejects(tpm.openPersistent(0x8101ffff), refusal);
  });

  it('lists handles, and capabilities as wire bytes', async () => {
    assert.deepEqual(await tpm.handles('nv-index'), [EK_CERTIFICATE, 0x01c00016]);
    // TPM_CAP_TPM_PROPERTIES, one of them, TPM_PT_MANUFACTURER: "IBM\0" in libtpms.
    const data = Buffer.from(await tpm.getCapability(6, 0x105, 1));
    assert.equal(data.toString('hex'), '00000006000000010000010549424d00');
  });

  it('refuses a template with a byte too many or too few: TPM_MISUSE, nothing sent', async () => {
    const template = encodeTpm2bPublic(EK_TEMPLATE_RSA2048);
    for (const inPublic of [Buffer.concat([template, Buffer.alloc(1)]), template.subarray(0, -1)]) {
      const refused = tpm.createPrimary({ hierarchy: 'endorsement', inPublic });
      await assert.rejects(refused, { code: 'TPM_MISUSE' });
    }
    await assert.rejects(
      tpm.createPrimary({ hierarchy: 'endorsement', inPublic: new Uint8Array() }),
      TpmError,
    );
  });

  it('finds room again: a new client flushes what a killed one left behind', async () => {
    // Three of each is all that there is; these are never flushed by us.
    const first = await openTpm({ tcti: swtpm.tcti });
    const ek = await first.openPersistent(EK_HANDLE);
    for (let count = 0; count < 3; count++) await first.startHmacSession({ saltKey: ek });
    const refusal = { rcName: 'TPM_RC_SESSION_MEMORY' };
    await assert.rejects(first.startHmacSession(), refusal);
    const second = await openTpm({ tcti: swtpm.tcti });
    assert.deepEqual(await second.handles('loaded-session'), []);
    await second.close();
    await first.close();
  });
});
