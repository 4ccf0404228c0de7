import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { VmStarts } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { CHANGED_BOOT } from '../support/measured-boot.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { codeOf } from '../support/refusals.ts';
import { startRequest, TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

describe('The mark: evidence counts in the order of the TPM’s own clock', () => {
  let touchstone: Touchstone;
  const hosts: TestHost[] = [];
  before(async () => {
    touchstone = await startTouchstone();
  });
  after(async () => {
    for (const host of hosts) await host.stop();
    await touchstone?.stop();
  });

  const trustedHost = async () => {
    const host = await TestHost.trusted(touchstone);
    hosts.push(host);
    return host;
  };
  const newVm = async () => {
    const uuid = randomUUID();
    await touchstone.addVm({ uuid, name: `vm-${uuid.slice(0, 8)}` });
    return uuid;
  };
  const startsOf = async (vm: string) =>
    (await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts)).starts;
  const stateOf = async (host: TestHost) => (await touchstone.host(host.name)).host.state;

  describe('good evidence that was kept back while the host was reported bad', () => {
    it('of this boot is superseded, and the host stays untrusted: G23', async () => {
      const host = await trustedHost();
      const kept = await host.evidence('attest');
      assert.equal((await host.attest({ log: () => null })).state, 'untrusted');
      await attack('G23', () => refusedWithoutTrace(touchstone, () => host.deliver(kept)));
      assert.equal(await stateOf(host), 'untrusted');
    });

    it('of the boot before is superseded, and the host stays untrusted: G23', async () => {
      const host = await trustedHost();
      const kept = await host.evidence('attest');
      await host.reboot(CHANGED_BOOT);
      assert.equal((await host.attest()).state, 'untrusted');
      await attack('G23', () => refusedWithoutTrace(touchstone, () => host.deliver(kept)));
      assert.equal(await stateOf(host), 'untrusted');
    });

    it('to ask for a permit is superseded, and nothing is recorded as a start: G23', async () => {
      const host = await trustedHost();
      const vm = await newVm();
      const kept = await host.evidence('permit', { permits: [startRequest(vm)] });
      await host.reboot(CHANGED_BOOT);
      await host.attest();
      await attack('G23', () => refusedWithoutTrace(touchstone, () => host.deliverForPermit(kept)));
      assert.deepEqual(await startsOf(vm), []);
      assert.equal(await stateOf(host), 'untrusted');
    });

    it('is superseded too where both come at once, whichever is read first: G23', async () => {
      const host = await trustedHost();
      const kept = await host.evidence('attest');
      const bad = await host.evidence('attest', { log: () => null });
      await Promise.allSettled([host.deliver(kept), host.deliver(bad)]);
      assert.equal(await stateOf(host), 'untrusted');
      await attack('G23', () => refusedWithoutTrace(touchstone, () => host.deliver(kept)));
    });

    it('counts where nothing came between', async () => {
      const host = await trustedHost();
      const kept = await host.evidence('attest');
      assert.equal((await host.deliver(kept)).state, 'trusted');
      await host.reboot();
      assert.equal((await host.attest()).state, 'trusted');
    });
  });

  describe('the same evidence again', () => {
    it('gets the stored answer, and nothing changes: G24', async () => {
      const host = await trustedHost();
      const evidence = await host.evidence('attest');
      const answer = await host.deliver(evidence);
      const before = await touchstone.explanation(host.name);
      await attack('G24', async () => {
        assert.deepEqual(await host.deliver(evidence), answer);
        return { outcome: 'SAME' };
      });
      assert.deepEqual(await touchstone.explanation(host.name), before);
    });

    it('that asked for a permit gets the same permit, and there is one start: G24', async () => {
      const host = await trustedHost();
      const vm = await newVm();
      const evidence = await host.evidence('permit', { permits: [startRequest(vm)] });
      await attack('G24', async () => {
        const answers = await Promise.all([1, 2, 3].map(() => host.deliverForPermit(evidence)));
        assert.ok(answers[0] && 'permit' in answers[0].answers[0]!, 'a permit was given');
        for (const answer of answers) assert.deepEqual(answer, answers[0]);
        return { outcome: 'SAME' };
      });
      assert.deepEqual(
        (await startsOf(vm)).map(({ decision }) => decision),
        ['permitted'],
      );
    });

    it('gives a bad host its refusal again, and no better one: G24', async () => {
      const host = await trustedHost();
      const vm = await newVm();
      await host.reboot(CHANGED_BOOT);
      const evidence = await host.evidence('permit', { permits: [startRequest(vm)] });
      const answer = await host.deliverForPermit(evidence);
      assert.ok('refusal' in answer.answers[0]!);
      await attack('G24', async () => {
        assert.deepEqual(await host.deliverForPermit(evidence), answer);
        return { outcome: 'SAME' };
      });
      assert.equal((await startsOf(vm)).length, 1);
    });

    it('is not the same when one byte of it is another', async () => {
      const host = await trustedHost();
      const evidence = await host.evidence('attest');
      await host.deliver(evidence);
      const digest = Object.keys(evidence.blobs)[0] ?? '';
      const log = Buffer.from(evidence.blobs[digest] ?? '', 'base64url');
      log[log.length - 1]! ^= 1;
      const forged = { ...evidence, blobs: { [digest]: log.toString('base64url') } };
      assert.equal(await codeOf(host.deliver(forged)), 'LOG_BLOB_MISMATCH');
    });
  });
});
