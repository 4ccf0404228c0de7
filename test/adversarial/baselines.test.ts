import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { formatBaselines } from '@touchstone/appraisal';
import { type Baseline, BaselineList, type BaselineRule, type Finding } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { CHANGED_BOOT, GOOD_BOOT } from '../support/measured-boot.ts';
import { permitOf, refusalOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const CONFIGURATION = '/etc/hypervisor.conf';

/** Each test has a host of its own, and documents that match nothing but its label. */
describe('What several baselines say together', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  const hosts: TestHost[] = [];

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    await touchstone.addVm({ uuid: vm, name: 'governed' });
  });
  after(async function () {
    this.timeout(60_000);
    for (const host of hosts) await host.stop();
    await touchstone?.stop();
  });

  async function newHost(site: string, boot = GOOD_BOOT): Promise<TestHost> {
    const host = await TestHost.boot(touchstone, boot);
    hosts.push(host);
    await host.certify();
    await host.enrol(await touchstone.joinToken({ labels: { site } }));
    return host;
  }

  /** What a capture of the host says, which nobody approves as it is. */
  async function capture(host: TestHost, site: string): Promise<Baseline[]> {
    const body = { name: `captured-${site}`, labels: { site }, acceptUnverified: true };
    const path = `/v1/hosts/${host.name}/baseline`;
    const { baselines } = await touchstone.operator('POST', path, BaselineList, body);
    return baselines.map(({ baseline }) => baseline);
  }

  async function activate(name: string, documents: readonly Baseline[]): Promise<void> {
    const yaml = formatBaselines(documents.map((one) => ({ ...one, name })));
    await touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
    await touchstone.operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
  }

  const findingOf = async (host: TestHost, code: string): Promise<Finding> => {
    const { findings } = await touchstone.explanation(host.name);
    const found = findings.find((one) => one.code === code);
    return found ?? assert.fail(`no ${code} among ${findings.map((one) => one.code).join(', ')}`);
  };

  async function untrustedFor(host: TestHost, code: string): Promise<Finding> {
    const { state, verdict } = await host.attest();
    assert.deepEqual({ state, verdict }, { state: 'untrusted', verdict: 'contraindicated' });
    assert.ok(refusalOf(await host.askForPermit(vm)).codes.includes(code));
    const found = await findingOf(host, code);
    assert.equal(found.effect, 'enforce');
    return found;
  }

  const trusted = async (host: TestHost) => {
    const { state } = await host.attest();
    assert.equal(state, 'trusted');
    assert.ok(permitOf(await host.askForPermit(vm)));
  };

  const changeRules = (
    documents: readonly Baseline[],
    change: (rule: BaselineRule, document: Baseline) => BaselineRule[],
  ): Baseline[] =>
    documents.map((one) => ({ ...one, rules: one.rules.flatMap((rule) => change(rule, one)) }));

  const names = (rule: BaselineRule, path: string): boolean =>
    rule.allow?.some(({ name }) => name === path) === true;

  it('denies what one document denies, whatever another allows: P7', () =>
    attack('P7', async () => {
      const host = await newHost('denied');
      const documents = await capture(host, 'denied');
      await activate('allows', documents);
      await trusted(host);
      const runtime = documents.find(({ part }) => part === 'runtime');
      const rule = runtime?.rules.find((one) => names(one, CONFIGURATION));
      assert.ok(runtime && rule?.allow);
      const { allow, times: _times, ...rest } = rule;
      const deny = allow.map(({ sha256 = '' }) => ({ sha256, why: 'CVE-2026-0001' }));
      await activate('denies', [{ ...runtime, rules: [{ ...rest, deny }] }]);
      await host.reboot();
      const found = await untrustedFor(host, 'EVENT_DENIED');
      assert.match(found.expected ?? '', /CVE-2026-0001/u);
      assert.equal(found.subject, `${CONFIGURATION} in PCR 13`);
      return { outcome: 'U', code: found.code };
    }));

  it('takes the parts of two sets together only where the parts are independent: P8', () =>
    attack('P8', async () => {
      const host = await newHost('mixed');
      const documents = changeRules(await capture(host, 'mixed'), (rule, { part }) => [
        {
          ...rule,
          allow: (rule.allow ?? []).map((one) => ({
            ...one,
            set: part === 'runtime' ? 'new' : 'old',
          })),
        },
      ]);
      await activate('sets', documents);
      await host.reboot();
      const found = await untrustedFor(host, 'SETS_MIXED');
      assert.match(found.actual ?? '', /set old: .*; set new: /u);
      const version = 2;
      await activate(
        'sets',
        documents.map((one) => ({ ...one, version, independent: true })),
      );
      await host.reboot();
      await trusted(host);
      return { outcome: 'U', code: found.code };
    }));

  it('refuses what makes one host unique on another: P9', () =>
    attack('P9', async () => {
      const own = await newHost('unique');
      const other = await newHost('unique', CHANGED_BOOT);
      const documents = await capture(own, 'unique');
      const ofOther = await capture(other, 'unique');
      const shared = changeRules(documents, (rule) => (names(rule, CONFIGURATION) ? [] : [rule]));
      await activate(
        'shared',
        shared.filter(({ rules }) => rules.length > 0),
      );
      for (const [host, some] of [
        [own, documents],
        [other, ofOther],
      ] as const) {
        const runtime = some.find(({ part }) => part === 'runtime');
        assert.ok(runtime);
        const rules = runtime.rules.filter((rule) => names(rule, CONFIGURATION));
        const match = { labels: {}, class: runtime.match.class, host: host.hostId ?? '' };
        await activate(`unique-${host.name}`, [{ ...runtime, part: 'host', match, rules }]);
      }
      for (const host of [own, other]) {
        await host.reboot(host === own ? GOOD_BOOT : CHANGED_BOOT);
        await trusted(host);
      }
      await other.reboot(GOOD_BOOT);
      const found = await untrustedFor(other, 'EVENT_OF_ANOTHER_HOST');
      assert.ok(found.nearest?.includes(`host unique-${own.name}`), found.nearest);
      return { outcome: 'U', code: found.code };
    }));

  it('trusts nobody by a set past its expiry: P11', () =>
    attack('P11', async () => {
      const host = await newHost('expired');
      const documents = await capture(host, 'expired');
      await activate(
        'old',
        documents.map((one) => ({ ...one, expires: '2026-01-01T00:00:00Z' })),
      );
      await host.reboot();
      const found = await untrustedFor(host, 'BASELINE_EXPIRED');
      return { outcome: 'U', code: found.code };
    }));

  it('warns of what is only to be warned of, and a VM that takes warnings starts: P12', async () => {
    const host = await newHost('warned');
    const documents = changeRules(await capture(host, 'warned'), (rule, { part }) => [
      part === 'runtime' ? { ...rule, mode: 'warn' } : rule,
    ]);
    await activate('mild', documents);
    await host.reboot(
      GOOD_BOOT.map((one) =>
        one.pcr === 13
          ? { pcr: 13, event: { kind: 'file', path: CONFIGURATION, sha256: 'dd'.repeat(32) } }
          : one,
      ),
    );
    const { state, verdict } = await host.attest();
    assert.deepEqual({ state, verdict }, { state: 'trusted', verdict: 'warning' });
    const found = await findingOf(host, 'EVENT_DIFFERS');
    assert.equal(found.effect, 'warn');
    assert.ok(permitOf(await host.askForPermit(vm)));
  });
});
