import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { formatBaselines } from '@touchstone/appraisal';
import { type Baseline, BaselineList, Vm } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { permitOf, refusalOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import type { Touchstone } from '../support/touchstone.ts';
import { useTrustedHost } from '../support/trusted-host.ts';

describe('What becomes golden, and what a warning lets through', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let host: TestHost;

  useTrustedHost((scene) => void ({ touchstone, host } = scene));

  const capture = (of: string, body: object) =>
    touchstone.operator('POST', `/v1/hosts/${of}/baseline`, BaselineList, body);

  it('takes nothing from a host that nobody trusts, until somebody says so; then it is written there: P10', async () => {
    const newcomer = await TestHost.boot(touchstone);
    try {
      await newcomer.certify();
      await newcomer.enrol(await touchstone.joinToken({ approve: false }));
      await attack('P10', () =>
        refusedWithoutTrace(touchstone, () => capture(newcomer.name, { name: 'golden' })),
      );
      const body = { name: 'golden', acceptUnverified: true };
      const { baselines } = await capture(newcomer.name, body);
      for (const { baseline, yaml, state } of baselines) {
        assert.equal(baseline.provenance?.hostState, 'pending');
        assert.equal(baseline.provenance.hostName, newcomer.name);
        assert.match(yaml, /hostState: pending/u, 'who approves it reads so');
        assert.equal(state, 'draft');
      }
    } finally {
      await newcomer.stop();
    }
  });

  it('warns where only a rule that warns is not met, and each VM’s record decides: P12', async () => {
    const { baselines } = await touchstone.operator('GET', '/v1/baselines', BaselineList);
    const captured = baselines.flatMap(({ baseline, state }) =>
      state === 'active' ? [baseline] : [],
    );
    const other = (rules: Baseline['rules']): Baseline['rules'] =>
      rules.map((rule) => ({ ...rule, mode: 'warn', allow: [{ sha256: 'a'.repeat(64) }] }));
    const changed = captured.map((one) => ({
      ...one,
      version: one.version + 1,
      rules: one.part === 'commandLine' ? other(one.rules) : one.rules,
    }));
    assert.ok(changed.some(({ part }) => part === 'commandLine'));
    await touchstone.operator('POST', '/v1/baselines', BaselineList, {
      yaml: formatBaselines(changed),
    });
    await touchstone.operator('POST', `/v1/baselines/${host.name}/approval`, BaselineList, {});
    const [easy, strict] = [randomUUID(), randomUUID()];
    await touchstone.addVm({ uuid: easy, name: 'easy' });
    await touchstone.operator('POST', '/v1/vms', Vm, {
      ...{ uuid: strict, name: 'strict', classes: ['software'], hostLabels: {}, images: [] },
      warnings: 'refuse',
    });
    await attack('P12', async () => {
      const answer = await host.askForPermit(easy);
      assert.deepEqual([answer.state, answer.verdict], ['trusted', 'warning']);
      assert.ok(permitOf(answer), 'a record that says nothing takes a warning');
      const { code, codes } = refusalOf(await host.askForPermit(strict));
      assert.ok(
        codes.some((one) => one.startsWith('EVENT_')),
        `what is warned of is said: ${codes.join(', ')}`,
      );
      assert.equal((await touchstone.host(host.name)).host.state, 'trusted');
      return { outcome: 'D', code };
    });
  });
});
