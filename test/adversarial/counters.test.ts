import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { BaselineList, HostDetail, Replacement, ReplacementList } from '@touchstone/schemas';
import { attack, type Observed } from '../support/attack.ts';
import { type ClaimedCounters, MadeTpm } from '../support/made-tpm.ts';
import { alertCount, refusedWithoutTrace } from '../support/records.ts';
import { codeOf, permitOf, refusalOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const UINT64_MAX = 2n ** 64n - 1n;

/** Whoever signs a TPMS_ATTEST can put into it what they like. */
describe('The counters in a quote', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;
  let tpm: MadeTpm;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    await touchstone.addVm({ uuid: vm, name: 'counted' });
    host = await TestHost.boot(touchstone);
    tpm = await admitted(host, {});
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
  });

  async function admitted(of: TestHost, counters: Partial<ClaimedCounters>): Promise<MadeTpm> {
    const made = await MadeTpm.in(of, counters);
    await of.enrol(await touchstone.joinToken({ labels: { site: of.name } }), made.lie());
    await touchstone.approveBaselineOf(of.name, of.name);
    assert.equal((await of.attest(made.next())).state, 'trusted');
    return made;
  }
  const stateOf = async ({ name } = host) => (await touchstone.host(name)).host.state;
  const approve = () =>
    touchstone.operator('POST', `/v1/hosts/${host.name}/approval`, HostDetail, {
      akName: host.akName,
      classes: ['software'],
    });
  const alerts = (code: string) => alertCount(touchstone, code, host.name);

  describe('that went back within one boot', () => {
    const backwards: readonly (readonly [string, (now: ClaimedCounters) => object])[] = [
      ['by one of the clock', ({ clock }) => ({ clock: clock - 1n })],
      ['to the clock’s beginning', () => ({ clock: 0n })],
      ['in restartCount', ({ restartCount }) => ({ restartCount: restartCount - 1 })],
      [
        'in restartCount, the clock running on',
        ({ restartCount, clock }) => ({ restartCount: restartCount - 1, clock: clock + 1_000n }),
      ],
    ];
    for (const [what, back] of backwards) {
      it(`${what}: superseded, nothing changes, people hear of it: EVIDENCE_SUPERSEDED (G7)`, async () => {
        const before = await alerts('TPM_CLOCK_FELL');
        const dishonesty = tpm.lie(back(tpm.counters));
        const seen = await attack('G7', () =>
          refusedWithoutTrace(touchstone, () => host.attest(dishonesty)),
        );
        assert.equal(seen.code, 'EVIDENCE_SUPERSEDED');
        assert.equal(await alerts('TPM_CLOCK_FELL'), before + 1);
        assert.equal(await codeOf(host.askForPermit(vm, dishonesty)), 'EVIDENCE_SUPERSEDED');
        assert.equal(await stateOf(), 'trusted');
        assert.ok(permitOf(await host.askForPermit(vm, tpm.next())));
      });
    }

    it('not at all, to the same instant: superseded too, and no reason to alert (G7)', async () => {
      const before = await alerts('TPM_CLOCK_FELL');
      await attack('G7', () => refusedWithoutTrace(touchstone, () => host.attest(tpm.lie())));
      assert.equal(await alerts('TPM_CLOCK_FELL'), before);
    });

    it('while better evidence was on its way: superseded, and nobody is alerted', async () => {
      const before = await alerts('TPM_CLOCK_FELL');
      const late = await host.evidence('attest', tpm.next());
      await host.attest(tpm.next());
      assert.equal(await codeOf(host.deliver(late)), 'EVIDENCE_SUPERSEDED');
      assert.equal(await alerts('TPM_CLOCK_FELL'), before);
    });
  });

  it('that are past 2^63, to the last one that there is, count in their order (G7)', async () => {
    const { clock } = tpm.counters;
    for (const far of [2n ** 53n + 1n, 2n ** 63n, UINT64_MAX - 1n, UINT64_MAX]) {
      assert.equal((await host.attest(tpm.next({ clock: far }))).state, 'trusted');
      await attack('G7', () =>
        refusedWithoutTrace(touchstone, () => host.attest(tpm.lie({ clock: far - 1n }))),
      );
    }
    const resetCount = tpm.counters.resetCount + 1;
    assert.equal((await host.attest(tpm.next({ resetCount, clock }))).state, 'trusted');
  });

  it('that are not safe, as after a power cut, are an observation and no more (G7)', async () => {
    assert.equal((await host.attest(tpm.next({ safe: 0 }))).state, 'trusted');
    const { findings } = await touchstone.explanation(host.name);
    const said = findings.filter(({ subject }) => subject.includes('safe'));
    assert.deepEqual(
      said.map(({ effect }) => effect),
      ['observe'],
    );
    assert.ok(permitOf(await host.askForPermit(vm, tpm.next({ safe: 0 }))));
    assert.equal((await host.attest(tpm.next({ safe: 1 }))).state, 'trusted');
  });

  it('that are of an earlier boot than one seen: untrusted, by whatever good evidence: TPM_ROLLED_BACK (G7)', async () => {
    const { resetCount, clock } = tpm.counters;
    const rolledBack = async (dishonesty: object): Promise<Observed> => {
      const before = await alerts('TPM_ROLLED_BACK');
      const code = await codeOf(host.attest(dishonesty));
      assert.equal(await alerts('TPM_ROLLED_BACK'), before + 1);
      assert.equal(await stateOf(), 'untrusted');
      return { outcome: 'R', code };
    };
    const back = { resetCount: resetCount - 1, clock: clock + 60_000n };
    assert.equal((await attack('G7', () => rolledBack(tpm.lie(back)))).code, 'TPM_ROLLED_BACK');
    assert.equal(await codeOf(host.askForPermit(vm, tpm.lie(back))), 'TPM_ROLLED_BACK');

    // What was stored before says nothing of what is now: no approval takes it for good.
    assert.equal(await codeOf(approve()), 'EVIDENCE_DOUBTED');
    const body = { name: `${host.name}-2`, acceptUnverified: true };
    await touchstone.operator('POST', `/v1/hosts/${host.name}/baseline`, BaselineList, body);
    await touchstone.operator('POST', `/v1/baselines/${body.name}/approval`, BaselineList, {});
    assert.equal(await stateOf(), 'untrusted');

    assert.equal((await host.attest(tpm.next())).state, 'untrusted', 'a boot that was seen');
    assert.equal(refusalOf(await host.askForPermit(vm, tpm.next())).code, 'HOST_NOT_TRUSTED');
    const later = tpm.next({ resetCount: resetCount + 1 });
    assert.equal((await host.attest(later)).state, 'trusted');
  });

  describe('mean something beside those of the same AK alone', () => {
    let neighbour: TestHost;
    before(async () => {
      neighbour = await TestHost.boot(touchstone);
    });
    after(() => neighbour?.stop());

    it('for they are blurred for each key: no value is high or low by itself (G8)', async () => {
      const blurred = await admitted(neighbour, {
        ...{ resetCount: 0xffff_fff0, restartCount: 0xffff_ffff },
        ...{ clock: 2n ** 63n + 5n, firmwareVersion: UINT64_MAX },
      });
      await attack('G8', async () => {
        for (const firmwareVersion of [0n, 2n ** 40n, 1n, UINT64_MAX]) {
          const answers = [
            await neighbour.attest(blurred.next({ firmwareVersion })),
            await host.attest(tpm.next({ firmwareVersion })),
          ];
          for (const { state } of answers) assert.equal(state, 'trusted');
        }
        // What is behind for one is ahead for the other.
        const { resetCount } = blurred.counters;
        assert.ok(tpm.counters.resetCount < resetCount);
        const back = blurred.lie({ resetCount: tpm.counters.resetCount });
        assert.equal(await codeOf(neighbour.attest(back)), 'TPM_ROLLED_BACK');
        assert.equal(await stateOf(), 'trusted');
        assert.equal(await stateOf(neighbour), 'untrusted');
        return { outcome: 'HOLDS' };
      });
    });

    it('so that another AK of the same TPM begins anew, and is not behind the old one (G8)', async () => {
      const before = await alerts('TPM_ROLLED_BACK');
      await tpm.clear({ resetCount: 1, restartCount: 0, clock: 5n });
      await attack('G8', async () => {
        const offer = async () =>
          host.enrol(await touchstone.joinToken({ labels: { site: host.name } }), tpm.lie());
        assert.equal(await codeOf(offer()), 'REENROLMENT_QUEUED');
        const list = await touchstone.operator('GET', '/v1/replacements', ReplacementList);
        const waiting = list.replacements.find(({ offered }) => offered.akName === host.akName);
        assert.ok(waiting);
        const body = { akName: host.akName, classes: ['software'] };
        const path = `/v1/replacements/${waiting.id}/approval`;
        await touchstone.operator('POST', path, Replacement, body);
        await host.attest(tpm.next());
        const { boot } = await touchstone.host(host.name);
        assert.equal(boot?.resetCount, 1);
        assert.equal(await alerts('TPM_ROLLED_BACK'), before);
        return { outcome: 'HOLDS' };
      });
    });
  });
});
