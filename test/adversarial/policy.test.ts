import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBaseline, formatBaselines } from '@touchstone/appraisal';
import { type Baseline, BaselineList, HostDetail, VmStarts } from '@touchstone/schemas';
import { attack, type Observed } from '../support/attack.ts';
import { corrupt, refusedWithoutTrace } from '../support/records.ts';
import { permitOf, refusalOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** To draft, approve and attest while the baseline still holds. */
const ENOUGH_MS = 6_000;

describe('The policy', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  /** Approved, honest and good; no baseline names it until a test makes one. */
  let host: TestHost;
  /** As captured from it. Each test drafts them changed, under a name of its own. */
  let captured: Baseline[];

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    host = await TestHost.boot(touchstone);
    await host.certify();
    await host.enrol(await touchstone.joinToken({ labels: { site: 'policy' } }));
    await touchstone.addVm({ uuid: vm, name: 'governed' });
    const body = { name: 'captured', acceptUnverified: true };
    const path = `/v1/hosts/${host.name}/baseline`;
    const { baselines } = await touchstone.operator('POST', path, BaselineList, body);
    captured = baselines.map(({ baseline }) => baseline);
  });
  after(async function () {
    this.timeout(60_000);
    await host?.stop();
    await touchstone?.stop();
  });

  const draft = (yaml: string) =>
    touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
  const approve = (name: string) =>
    touchstone.operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
  const enforce = async (name: string, change: (document: Baseline) => Baseline) => {
    await draft(formatBaselines(captured.map((one) => ({ ...change(one), name }))));
    return approve(name);
  };
  /** In place of all that was active under the name: documents that are for no host of this fleet. */
  const retire = async (name: string) => {
    const documents = captured.map((one) => {
      const match = { ...one.match, labels: { site: 'nowhere' } };
      return { ...one, name, match, version: one.version + 1 };
    });
    await draft(formatBaselines(documents));
    await approve(name);
  };
  const starts = async () =>
    (await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts)).starts;
  const permits = async () =>
    (await starts()).filter(({ decision }) => decision === 'permitted').length;

  /** Good evidence of a good host, in this boot and in the next, gets no trust and no permit. */
  async function neverTrusted(code: string): Promise<Observed> {
    const before = await permits();
    for (const boot of ['this', 'next']) {
      if (boot === 'next') await host.reboot();
      const { state, verdict } = await host.attest();
      assert.deepEqual({ state, verdict }, { state: 'untrusted', verdict: 'contraindicated' });
      const refusal = refusalOf(await host.askForPermit(vm));
      assert.equal(refusal.code, 'HOST_NOT_TRUSTED');
      assert.ok(refusal.codes.includes(code), `${code} is not in ${refusal.codes.join(', ')}`);
    }
    const body = { akName: host.akName, classes: ['software'] };
    const path = `/v1/hosts/${host.name}/approval`;
    const approved = await touchstone.operator('POST', path, HostDetail, body);
    assert.equal(approved.host.state, 'untrusted', 'nor does an approval of the host help');
    const { host: shown, findings } = await touchstone.explanation(host.name);
    assert.equal(shown.state, 'untrusted');
    assert.equal(findings.find((one) => one.code === code)?.effect, 'enforce');
    assert.equal(await permits(), before, 'no permit is recorded');
    return { outcome: 'U', code };
  }

  /** The counterpart: with the captured documents the same host gets its permit. */
  async function trustedUnder(name: string): Promise<void> {
    await enforce(name, (one) => one);
    assert.equal((await touchstone.host(host.name)).host.state, 'trusted');
    assert.ok(permitOf(await host.askForPermit(vm)));
  }

  describe('without which nobody is trusted', () => {
    it('is none when no baseline was ever approved, though one is drafted: P1', () =>
      attack('P1', () => neverTrusted('NO_BASELINE')));

    const others: Readonly<Record<string, Partial<Baseline['match']>>> = {
      'of other labels': { labels: { site: 'elsewhere' } },
      'of another class': { class: ['discrete', 'firmware', 'virtual'] },
      'of another host': { host: randomUUID() },
    };
    for (const [title, match] of Object.entries(others)) {
      it(`is none when all baselines are for hosts ${title}: P1`, async () => {
        const name = title.replaceAll(' ', '-');
        await enforce(name, (one) => ({ ...one, match: { ...one.match, ...match } }));
        await attack('P1', () => neverTrusted('NO_BASELINE'));
      });
    }

    for (const mode of ['warn', 'observe'] as const) {
      it(`is none when its rules only ${mode}: P1`, async () => {
        await enforce(mode, (one) => ({
          ...one,
          rules: one.rules.map((rule) => ({ ...rule, mode })),
        }));
        await attack('P1', () => neverTrusted('NO_BASELINE'));
        await retire(mode);
      });
    }

    it('is what a person approved: the same host is trusted then, and gets its permit', async () => {
      await trustedUnder('approved');
      await retire('approved');
      await host.reboot();
      await attack('P1', () => neverTrusted('NO_BASELINE'));
    });

    it('covers each PCR that has events: one part of it is not enough: EVENT_UNEXPLAINED', async () => {
      const [part] = captured;
      assert.ok(part);
      await draft(formatBaseline({ ...part, name: 'partial' }));
      await approve('partial');
      await neverTrusted('EVENT_UNEXPLAINED');
      await retire('partial');
    });

    it('is refused at the upload when it is empty or malformed, and nothing of it is kept: P1', async () => {
      const [good] = captured;
      assert.ok(good);
      const yaml = formatBaseline({ ...good, name: 'uploaded' });
      const texts: readonly (readonly [yaml: string, code: string])[] = [
        ['---\n', 'BASELINE_EMPTY'],
        ['# nothing but a remark\n', 'BASELINE_EMPTY'],
        ['{}', 'BASELINE_SHAPE'],
        ['[]', 'BASELINE_SHAPE'],
        ['true', 'BASELINE_SHAPE'],
        [yaml.replace(/rules:[^]*/u, 'rules: []\n'), 'BASELINE_RULES_EMPTY'],
        [yaml.replace(/rules:[^]*/u, ''), 'BASELINE_SHAPE'],
        [yaml.replace('mode: enforce', 'mod: enforce'), 'BASELINE_SHAPE'],
        [yaml.replace('mode: enforce', 'mode: allow'), 'BASELINE_SHAPE'],
        [yaml.replace(/sha256: [0-9a-f]{2}/u, 'sha256: '), 'BASELINE_SHAPE'],
        [yaml.replace(/pcr: [0-9]+/u, 'pcr: 24'), 'BASELINE_SHAPE'],
        [yaml.replace(/ {4}allow:\n(?: {6}- .*\n)+/u, ''), 'BASELINE_RULE_OPEN'],
        [`${yaml}version: 2\n`, 'BASELINE_SYNTAX'],
        [`${yaml}---\n{}\n`, 'BASELINE_SHAPE'],
      ];
      for (const [text, code] of texts) {
        assert.notEqual(text, yaml, `${code}: the text was not changed`);
        const refused = await refusedWithoutTrace(touchstone, () => draft(text));
        assert.equal(refused.code, code, text);
      }
      await draft(yaml);
    });
  });

  describe('that has come to its end', () => {
    it('is none from the start: P1', async () => {
      await enforce('expired', (one) => ({ ...one, expires: '2026-01-01T00:00:00Z' }));
      await attack('P1', () => neverTrusted('BASELINE_EXPIRED'));
      await retire('expired');
    });

    it('trusts until then, and not a moment longer: P1', async () => {
      const end = Date.now() + ENOUGH_MS;
      await enforce('ending', (one) => ({ ...one, expires: new Date(end).toISOString() }));
      assert.equal((await host.attest()).state, 'trusted');
      assert.ok(Date.now() < end, 'too slow a machine for this test');
      await sleep(end + 200 - Date.now());
      await attack('P1', () => neverTrusted('BASELINE_EXPIRED'));
      await retire('ending');
    });
  });

  describe('that was damaged where it is stored', () => {
    const damage = (name: string, path: string, value: unknown) =>
      corrupt(
        touchstone,
        `UPDATE baselines SET document = jsonb_set(document, $2, $3)
          WHERE name = $1 AND state = 'active'`,
        [name, path, JSON.stringify(value)],
      );

    it('trusts nobody when its rules are gone: P1', async () => {
      await host.reboot();
      await trustedUnder('damaged');
      await damage('damaged', '{rules}', []);
      await attack('P1', () => neverTrusted('BASELINE_MALFORMED'));
      await retire('damaged');
    });

    it('trusts nobody when the appraisal throws over it, not even who was trusted: P4', async () => {
      await host.reboot();
      await trustedUnder('broken');
      const { lastAuthenticAt } = (await touchstone.host(host.name)).host;
      await damage('broken', '{match}', null);
      await attack('P4', async () => {
        const answer = await host.askForPermit(vm);
        assert.equal(answer.verdict, 'contraindicated', 'and not none');
        assert.equal(answer.state, 'untrusted');
        const { code, codes } = refusalOf(answer);
        assert.equal(code, 'HOST_NOT_TRUSTED');
        assert.ok(codes.includes('APPRAISAL_ERROR'));
        return neverTrusted('APPRAISAL_ERROR');
      });
      const shown = (await touchstone.host(host.name)).host;
      assert.ok((shown.lastAuthenticAt ?? '') > (lastAuthenticAt ?? ''), 'it was authentic');

      const newcomer = await TestHost.boot(touchstone);
      try {
        await newcomer.certify();
        const token = await touchstone.joinToken({ labels: { site: 'policy' } });
        assert.equal((await newcomer.enrol(token)).state, 'untrusted');
      } finally {
        await newcomer.stop();
      }
      const { match } = captured[0] ?? {};
      await damage('broken', '{match}', match);
      await host.reboot();
      assert.ok(permitOf(await host.askForPermit(vm)), 'with its match back it is a policy again');
    });
  });
});
