import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAkPublic } from '@touchstone/endorsement';
import { authenticodeDigest } from '@touchstone/eventlog';
import { checkAgainst, Statement } from '@touchstone/schemas';
import { parseTpm2bPublic, parseTpmtSignature, publicKeyOf } from '@touchstone/tpm';
import { madeImage } from '../../test/support/made-image.ts';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { startTpmDevice, type TpmDevice } from '../../test/support/tpm-device.ts';
import { checkPassedOver, lookAtOwn } from '../doctor/look-at-tpm.ts';
import { buildEvidence } from '../evidence/build.ts';
import { writeKeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { chooseTpm } from '../tpm/choose-tpm.ts';
import type { Machine } from '../tpm/host-tpm.ts';

describe('a TPM behind a device', function () {
  this.timeout(60_000);
  let stateDir: string;
  let swtpm: Swtpm;
  let device: TpmDevice;
  let machine: Machine;

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'ts-device-'));
    swtpm = await startSwtpm();
    device = await startTpmDevice(swtpm);
    machine = { devices: device.devices, tpmClass: '/none', acpiTables: '/none' };
  });
  after(async () => {
    await device?.stop();
    await swtpm?.stop();
    await rm(stateDir, { recursive: true });
  });

  it('is found, and quotes with an RSA key below a P-384 EK; tpm2_checkquote accepts it', async () => {
    const chosen = await chooseTpm(stateDir, machine, { preferredEk: 'ecc-p384' });
    assert.deepEqual(chosen.tpm, { kind: 'device', path: device.path });
    // What boots on a chip is not the agent's to measure.
    const attester = new Attester(stateDir, [{ pcr: 8, commandLine: '/proc/cmdline' }], chosen);
    try {
      const key = await attester.createKey('rsa-2048');
      const akPublic = parseTpm2bPublic(Buffer.from(key.public, 'base64url'));
      assert.deepEqual(checkAkPublic(akPublic), []);
      assert.equal(key.ekName.slice(0, 4), '000c');
      const nonce = randomBytes(32);
      const { attest, signature, pcrs } = await attester.quote(key, nonce, [
        { bank: 'sha256', pcrs: [8] },
      ]);
      assert.deepEqual(pcrs.get('sha256')?.get(8), Buffer.alloc(32));
      assert.equal((await attester.bootLog()).length, 0);
      assert.deepEqual(await readdir(stateDir), []);
      assert.equal(parseTpmtSignature(signature).sigAlg, 'rsassa');
      const pem = publicKeyOf(akPublic).export({ type: 'spki', format: 'pem' });
      const file = (name: string) => join(device.devices, name);
      await writeFile(file('ak.pem'), pem);
      await writeFile(file('msg'), attest);
      await writeFile(file('sig'), signature);
      execFileSync('tpm2_checkquote', [
        ...['-u', file('ak.pem'), '-m', file('msg'), '-s', file('sig'), '-g', 'sha256'],
        ...['-q', nonce.toString('hex')],
      ]);
    } finally {
      await attester.close();
    }
  });

  it('has on its disk what it claims to have to boot from; whoever waits for a permit does not wait for that', async () => {
    const chosen = await chooseTpm(stateDir, machine, {});
    const kernel = madeImage({ sections: [{ name: '.text', data: Buffer.alloc(512, 7) }] });
    const path = join(device.devices, 'vmlinuz');
    await writeFile(path, kernel);
    const attester = new Attester(stateDir, [], chosen, { bootImages: [path] });
    try {
      const key = await attester.createKey();
      const claimed = async (purpose: 'attest' | 'enrol') => {
        const built = await buildEvidence(attester, key, {
          ...{ purpose, hostId: null, bundleEpoch: 1, selection: { sha256: [8] } },
          challenge: randomBytes(32).toString('base64url'),
        });
        const { selfReported } = checkAgainst(
          Statement,
          JSON.parse(Buffer.from(built.statement, 'base64url').toString('utf8')),
        );
        return selfReported.claimedNextBoot;
      };
      const digest = Buffer.from(authenticodeDigest(kernel, 'sha256')).toString('hex');
      const deadline = Date.now() + 5_000;
      while ((await claimed('attest')) === undefined) assert.ok(Date.now() < deadline);
      assert.deepEqual(await claimed('attest'), [digest]);
      assert.equal(await claimed('enrol'), undefined);
    } finally {
      await attester.close();
    }
  });

  it('is what doctor looks at before enrolment, and names where a host leaves it aside', async () => {
    const host = { stateDir, searchPath: '', machine };
    const subjects = (await lookAtOwn(host)).map(({ subject, outcome }) => `${outcome} ${subject}`);
    assert.deepEqual(subjects, [
      ...['ok TPM', 'ok TPM lockout', 'ok TPM places'],
      ...['ok EK certificate', 'ok EK certificate', 'ok sealed disks'],
    ]);
    assert.deepEqual(await checkPassedOver(stateDir, machine), []);
    const attester = new Attester(stateDir, [], await chooseTpm(stateDir, machine, {}));
    await writeKeyRecord(stateDir, await attester.createKey());
    await attester.close();
    // Keys without a record of their TPM are a software TPM's.
    const [check] = await checkPassedOver(stateDir, machine);
    assert.deepEqual([check?.outcome, check?.code], ['warning', 'TPM_PASSED_OVER']);
    assert.match(check?.detail ?? '', new RegExp(`${device.path}$`, 'u'));
  });
});
