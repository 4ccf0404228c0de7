import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { formatBaseline, formatBaselines } from '@touchstone/appraisal';
import { type Baseline, BaselineList, type ResultClaims } from '@touchstone/schemas';
import { attack, type Observed } from '../support/attack.ts';
import { readJws } from '../support/jws.ts';
import { corrupt, recordsOf, refusedWithoutTrace } from '../support/records.ts';
import { permitOf, refusalOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const PCR_SELECTED_BY_NOBODY = 15;

describe('A policy that somebody wrote, or changed, wrongly', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;
  let captured: Baseline[];
  let version = 0;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    await touchstone.addVm({ uuid: vm, name: 'governed' });
    host = await TestHost.trusted(touchstone);
    const { baselines } = await touchstone.operator('GET', '/v1/baselines', BaselineList);
    captured = baselines.map(({ baseline }) => baseline);
    version = Math.max(...captured.map((one) => one.version));
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
  });

  const draft = (yaml: string) =>
    touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
  const approve = () =>
    touchstone.operator('POST', `/v1/baselines/${host.name}/approval`, BaselineList, {});
  const drafted = (change: (document: Baseline) => Baseline) => {
    version += 1;
    return draft(formatBaselines(captured.map((one) => ({ ...change(one), version }))));
  };
  /** The documents as captured, active again; and the host trusted, in another boot. */
  const restored = async () => {
    await drafted((one) => one);
    await approve();
    await host.reboot();
    assert.ok(permitOf(await host.askForPermit(vm)));
  };
  /** Neither state nor permit, and which of the reasons it is. */
  const untrusted = async (codes: readonly string[]): Promise<Observed> => {
    const answer = await host.askForPermit(vm);
    assert.deepEqual([answer.state, answer.verdict], ['untrusted', 'contraindicated']);
    const refusal = refusalOf(answer);
    assert.equal(refusal.code, 'HOST_NOT_TRUSTED');
    assert.equal((await touchstone.host(host.name)).host.state, 'untrusted');
    const seen = refusal.codes.find((code) => codes.includes(code));
    assert.ok(seen, `none of ${codes.join(', ')} in ${refusal.codes.join(', ')}`);
    return { outcome: 'U', code: seen };
  };

  it('is refused at the upload, and nothing of it is kept (P2)', async () => {
    const [good] = captured;
    assert.ok(good);
    const yaml = formatBaseline({ ...good, version: 99 });
    const texts: readonly (readonly [text: string, code: string])[] = [
      ['{"kind": "baseline", "part": ', 'BASELINE_SYNTAX'],
      [yaml.replace(/sha256: [0-9a-f]{64}/u, `sha256: ${'a'.repeat(62)}`), 'BASELINE_SHAPE'],
      [yaml.replace(/sha256: [0-9a-f]{64}/u, `sha256: ${'a'.repeat(96)}`), 'BASELINE_SHAPE'],
      [yaml.replace('rules:', 'ruels:'), 'BASELINE_SHAPE'],
      [yaml.replace('mode: enforce', 'mode: enforce\n    level: high'), 'BASELINE_SHAPE'],
      [yaml.replace('mode: enforce', 'Mode: enforce'), 'BASELINE_SHAPE'],
      [yaml.replace('match:', 'mach:'), 'BASELINE_SHAPE'],
      [yaml.replace('version: 99', 'version: 99.5'), 'BASELINE_SHAPE'],
      [yaml.replace('version: 99', 'version: "99"'), 'BASELINE_SHAPE'],
      [`${yaml}---\n${yaml.replace('rules:', 'rule:')}`, 'BASELINE_SHAPE'],
    ];
    for (const [text, code] of texts) {
      const seen = await attack('P2', () => refusedWithoutTrace(touchstone, () => draft(text)));
      assert.equal(seen.code, code, text);
    }
    assert.equal((await host.attest()).state, 'trusted');
  });

  describe('with a rule about what no evidence has', () => {
    const typos: readonly (readonly [string, Partial<Baseline['rules'][number]>, string])[] = [
      ['a type of event that does not exist', { type: 'EV_EVNT_TAG' }, 'RULE_TYPE_UNKNOWN'],
      ['a PCR that nobody is asked for', { pcr: PCR_SELECTED_BY_NOBODY }, 'RULE_PCR_NOT_QUOTED'],
    ];
    for (const [what, typo, warning] of typos) {
      it(`${what}: it is said at the upload, and nobody is trusted by it: ${warning} (P3)`, async () => {
        const { warnings = [] } = await drafted((one) => ({
          ...one,
          rules: one.rules.map((rule) => ({ ...rule, ...typo })),
        }));
        assert.ok(warnings.length > 0);
        for (const { code, effect } of warnings) {
          assert.deepEqual([code, effect], [warning, 'warn']);
        }
        await approve();
        await attack('P3', () => untrusted(['EVENT_MISSING', 'EVENT_UNEXPLAINED']));
        await restored();
      });
    }

    it('a bank that nobody is asked for, likewise: BASELINE_BANK_NOT_QUOTED (P3)', async () => {
      const { warnings = [] } = await drafted((one) => ({
        ...one,
        banks: ['sha512'],
        rules: one.rules.map(({ allow = [], ...rule }) => ({
          ...rule,
          allow: allow.map(({ sha256 = '' }) => ({ sha512: sha256 + sha256 })),
        })),
      }));
      assert.equal(warnings[0]?.code, 'BASELINE_BANK_NOT_QUOTED');
      await approve();
      await attack('P3', () => untrusted(['BASELINE_BANK_NOT_QUOTED']));
      await restored();
    });

    it('and none is said of documents that evidence can meet', async () => {
      assert.equal((await drafted((one) => one)).warnings, undefined);
    });
  });

  it('trusts nobody where any one thing that it is compared by is not there (P5)', async () => {
    const [part] = captured.filter(({ rules }) => rules.length > 0);
    assert.ok(part);
    const stored = { ...part, version };
    const places: readonly string[][] = [
      ...Object.keys(stored)
        .filter((key) => !['provenance', 'version', 'name', 'part', 'kind'].includes(key))
        .map((key) => [key]),
      ...Object.keys(stored.match).map((key) => ['match', key]),
      ...Object.keys(stored.rules[0] ?? {}).map((key) => ['rules', '0', key]),
      ['rules', '0'],
      ['rules', '0', 'allow', '0'],
      ['rules', '0', 'allow', '0', 'sha256'],
      ['banks', '0'],
      ['match', 'class', '0'],
    ];
    await restored();
    const codes = [
      ...['BASELINE_MALFORMED', 'APPRAISAL_ERROR', 'NO_BASELINE'],
      ...['EVENT_UNEXPLAINED', 'EVENT_MISSING', 'EVENT_DIFFERS'],
    ];
    const where = `WHERE name = $1 AND part = $2 AND state = 'active'`;
    const keys = [host.name, part.part];
    const whole = { ...stored, version };
    for (const path of places) {
      for (const sql of [
        `UPDATE baselines SET document = document #- $3::text[] ${where}`,
        `UPDATE baselines SET document = jsonb_set(document, $3::text[], 'null') ${where}`,
      ]) {
        await corrupt(touchstone, sql, [...keys, path]);
        await attack('P5', () => untrusted(codes));
        const back = `UPDATE baselines SET document = $3 ${where}`;
        await corrupt(touchstone, back, [...keys, JSON.stringify(whole)]);
      }
    }
    await host.reboot();
    assert.ok(permitOf(await host.askForPermit(vm)), 'whole again it trusts again');
  });

  it('while evidence is judged: one version throughout, and the answer names it (P6)', async () => {
    await restored();
    const another = (digest: string) => digest.split('').toReversed().join('');
    const bad = (document: Baseline): Baseline =>
      JSON.parse(
        JSON.stringify(document).replaceAll(/(?<="sha256":")[0-9a-f]{64}/gu, another),
      ) as Baseline;
    await attack('P6', async () => {
      const named = new Map<number, string>();
      for (let round = 0; round < 6; round += 1) {
        const isBad = round % 2 === 0;
        await drafted(isBad ? bad : (one) => one);
        const evidence = await host.evidence('attest');
        const [, answer] = await Promise.all([approve(), host.deliver(evidence)]);
        const { claims } = readJws(answer.result);
        const result = (claims as ResultClaims).submods.host;
        const versions = new Set(result['touchstone.baselines'].map((one) => one.version));
        assert.equal(versions.size, 1, 'one version used throughout');
        const [used = 0] = versions;
        assert.ok(result['ear.appraisal-policy-id'].length > 0);
        const policy = named.get(used) ?? result['ear.appraisal-policy-id'];
        named.set(used, policy);
        assert.equal(result['ear.appraisal-policy-id'], policy, 'one name for one version');
        assert.equal(
          (await touchstone.host(host.name)).host.state,
          isBad ? 'untrusted' : 'trusted',
        );
      }
      assert.ok(named.size > 1);
      assert.equal(new Set(named.values()).size, named.size, 'another name for another version');
      const { attestations = [] } = await recordsOf(touchstone);
      for (const { baselines } of attestations as { baselines: { version: number }[] }[]) {
        assert.ok(new Set(baselines.map((one) => one.version)).size <= 1);
      }
      return { outcome: 'HOLDS' };
    });
  });
});
