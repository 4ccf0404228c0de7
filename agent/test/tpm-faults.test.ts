import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { openTpm, TpmError } from 'node-tpm2-tss-bindings';
import { refusalFinding } from '../codes.ts';
import { lookHere } from '../doctor/look-at-software-tpm.ts';
import { buildEvidence } from '../evidence/build.ts';
import { exitCodeOf } from '../exit-code.ts';
import { reportError } from '../report.ts';
import type { KeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';

const QUESTION = {
  purpose: 'attest',
  hostId: '3f0e8a52-6a0b-4d26-9a53-5b8e7f1f0c11',
  bundleEpoch: 1,
  challenge: Buffer.alloc(48, 7).toString('base64url'),
  selection: { sha256: [8, 9, 13] as number[] },
} as const;

describe('the attester, when its TPM fails under it', () => {
  let host: Hypervisor;
  let attester: Attester;
  let key: KeyRecord;
  const tpmPid = async () => Number(await readFile(join(host.stateDir, 'swtpm', 'pid'), 'utf8'));
  const tcti = () => `swtpm:path=${join(host.stateDir, 'swtpm', 'socket')}`;
  const evidence = async () => (await buildEvidence(attester, key, QUESTION)).pcrs;

  before(async () => {
    host = await makeHypervisor();
    attester = new Attester(host.stateDir, [{ pcr: 8, commandLine: '/proc/cmdline' }]);
    key = await attester.createKey();
  });
  after(async () => {
    await attester.close();
    await host.remove();
  });

  it('gives evidence at once after another process flushed its key, in the same boot', async () => {
    const [before, { resetCount }] = [await evidence(), await attester.clockOf(key)];
    await (await openTpm({ tcti: tcti() })).close();
    assert.deepEqual(await evidence(), before);
    assert.equal((await attester.clockOf(key)).resetCount, resetCount);
  });

  it('gives evidence at once after another process filled the TPM', async () => {
    await evidence();
    const other = await openTpm({ tcti: tcti(), shared: true });
    try {
      for (let full = false; !full;) {
        full = await other.startPolicySession().then(
          () => false,
          (error: TpmError) => error.code === 'TPM_FULL',
        );
      }
      await evidence();
    } finally {
      await other.close();
    }
  });

  it('starts a killed one anew, measures anew, and goes on: another boot', async () => {
    const [before, { resetCount }] = [await evidence(), await attester.clockOf(key)];
    process.kill(await tpmPid(), 'SIGKILL');
    assert.deepEqual(await evidence(), before);
    assert.ok((await attester.clockOf(key)).resetCount > resetCount);
  });

  it('starts no second one beside one that hangs, and uses it when it answers: TPM_TIMEOUT', async () => {
    const [before, { resetCount }, pid] = [
      await evidence(),
      await attester.clockOf(key),
      await tpmPid(),
    ];
    await attester.close();
    process.kill(pid, 'SIGSTOP');
    // More than its queue keeps waiting: to a newcomer it looks as if nobody were there.
    const waiting = Array.from({ length: 8 }, () =>
      connect(join(host.stateDir, 'swtpm', 'socket.ctrl')).on('error', () => undefined),
    );
    try {
      await assert.rejects(evidence(), { name: 'TpmError', code: 'TPM_TIMEOUT' });
      const [{ code, outcome } = {}] = await lookHere(host.stateDir, process.env['PATH'] ?? '');
      assert.deepEqual([outcome, code], ['fault', 'TPM_TIMEOUT']);
    } finally {
      for (const socket of waiting) socket.destroy();
      process.kill(pid, 'SIGCONT');
    }
    assert.deepEqual(await evidence(), before);
    assert.equal((await attester.clockOf(key)).resetCount, resetCount);
    assert.equal(await tpmPid(), pid);
  });

  it('says what to do, by the code: to who starts a VM and at the terminal', () => {
    const full = new TpmError('TPM_FULL', 'TPM2_Load', 'no place', { rc: 0x902 });
    const finding = refusalFinding(full, 'VM 7');
    assert.deepEqual([finding.code, finding.actor], ['TPM_FULL', 'host-administrator']);
    assert.match(finding.remedy, /tpm2_getcap handles-transient/u);
    assert.match(
      reportError(full),
      /^touchstone-agent: TPM_FULL: .+\n {2}TPM2_Load: .+\n {2}to do: /u,
    );
    assert.equal(exitCodeOf(full), 69);
    assert.equal(exitCodeOf(new TpmError('TPM_NOT_PERMITTED', 'open', '/dev/tpmrm0')), 77);
  });
});
