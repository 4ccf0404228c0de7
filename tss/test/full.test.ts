import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { encodeTpm2bPublic, EK_TEMPLATE_RSA2048 } from '@touchstone/tpm';
import { openTpm } from 'node-tpm2-tss-bindings';
import type { Tpm } from 'node-tpm2-tss-bindings';
import { startSwtpm } from '../../test/support/swtpm.ts';
import type { Swtpm } from '../../test/support/swtpm.ts';
import { lockOut, withTpmTools } from '../../test/support/tpm-tools.ts';
import { ALL_SHA256, attesterOf, EK_HANDLE } from './support/attester.ts';

/** swtpm has room for three of each: TPM_PT_HR_TRANSIENT_MIN, TPM_PT_HR_LOADED_MIN. */
const PLACES = 3;
const EK = {
  hierarchy: 'endorsement',
  inPublic: encodeTpm2bPublic(EK_TEMPLATE_RSA2048),
} as const;

describe('a TPM without a place left', () => {
  let swtpm: Swtpm;
  let tpm: Tpm;
  let other: Tpm;
  before(async () => {
    swtpm = await startSwtpm();
  });
  beforeEach(async () => {
    tpm = await openTpm({ tcti: swtpm.tcti });
    other = await openTpm({ tcti: swtpm.tcti, shared: true });
  });
  afterEach(async () => {
    await other?.close();
    await tpm?.close();
  });
  after(() => swtpm?.stop());

  it('because of objects that nobody here holds: they are flushed, and the command goes through', async () => {
    const mine = await tpm.createPrimary(EK);
    for (let place = 1; place < PLACES; place += 1) await other.createPrimary(EK);
    assert.equal((await tpm.handles('transient')).length, PLACES);
    const another = await tpm.createPrimary(EK);
    const left = await tpm.handles('transient');
    assert.deepEqual(new Set(left), new Set([mine.handle, another.handle]));
    await tpm.readPublic(mine);
  });

  it('because of sessions that nobody here holds: they are flushed, its own go on', async () => {
    const ek = await tpm.openPersistent(EK_HANDLE);
    const policy = await tpm.startPolicySession({ saltKey: ek });
    const hmac = await tpm.startHmacSession({ saltKey: ek });
    await other.startPolicySession();
    await assert.rejects(other.startHmacSession(), { code: 'TPM_FULL' });
    const third = await tpm.startHmacSession();
    await tpm.policySecretEndorsement(policy);
    for (const session of [policy, hmac, third]) await tpm.flush(session);
  });

  it('because of its own objects or sessions: TPM_FULL, and they stay', async () => {
    const objects = [];
    for (let place = 0; place < PLACES; place += 1) objects.push(await tpm.createPrimary(EK));
    await assert.rejects(tpm.createPrimary(EK), {
      code: 'TPM_FULL',
      rcName: 'TPM_RC_OBJECT_MEMORY',
      answered: true,
    });
    for (const object of objects) await tpm.readPublic(object);
    for (let place = 0; place < PLACES; place += 1) await tpm.startPolicySession();
    await assert.rejects(tpm.startHmacSession(), { code: 'TPM_FULL' });
  });

  it('as a second user of it, flushes nothing of the first’s: TPM_FULL', async () => {
    const mine = await tpm.createPrimary(EK);
    for (let place = 1; place < PLACES; place += 1) await tpm.createPrimary(EK);
    await assert.rejects(other.createPrimary(EK), { code: 'TPM_FULL' });
    await other.close();
    await tpm.readPublic(mine);
  });
});

describe('a TPM that is locked out', () => {
  it('says so of what can be locked out, and serves keys with noDA: TPM_LOCKED_OUT', async () => {
    const swtpm = await startSwtpm();
    try {
      await withTpmTools(swtpm.tcti, lockOut);
      const tpm = await openTpm({ tcti: swtpm.tcti });
      try {
        const guarded = await tpm.openPersistent(0x81000001);
        await tpm.setAuth(guarded, Buffer.from('right'));
        const parentSession = await tpm.startHmacSession({
          saltKey: await tpm.openPersistent(EK_HANDLE),
        });
        const auth = new Uint8Array();
        const refused = tpm.create({ parent: guarded, parentSession, auth, inPublic: EK.inPublic });
        await assert.rejects(refused, { code: 'TPM_LOCKED_OUT', rcName: 'TPM_RC_LOCKOUT' });
        await tpm.flush(parentSession);
        const { ak: key, session } = await attesterOf(tpm);
        await tpm.quote({ key, session, qualifyingData: randomBytes(32), selection: ALL_SHA256 });
      } finally {
        await tpm.close();
      }
    } finally {
      await swtpm.stop();
    }
  });
});
