import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AlertList, BaselineList, type Evidence, HostDetail } from '@touchstone/schemas';
import { encodeSoftwareEvent } from '@touchstone/eventlog';
import { attack, type Observed } from '../support/attack.ts';
import { logOf, GOOD_BOOT } from '../support/measured-boot.ts';
import { metric } from '../support/metrics.ts';
import { alertCount, change, refusedWithoutTrace } from '../support/records.ts';
import { codeOf, refusalOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** A host is stale after three of these. */
const INTERVAL_SECONDS = 1;
const UNTIL_STALE_MS = 3_100;

describe('What a host has been', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;
  let stranger: TestHost;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone({ intervalSeconds: INTERVAL_SECONDS });
    await touchstone.addVm({ uuid: vm, name: 'standing' });
    host = await TestHost.trusted(touchstone);
    stranger = await TestHost.boot(touchstone);
  });
  after(async () => {
    await stranger?.stop();
    await host?.stop();
    await touchstone?.stop();
  });
  /** Trusted, in a boot of its own. */
  beforeEach(async () => {
    await host.reboot();
    assert.equal((await host.attest()).state, 'trusted');
  });

  const shown = async () => (await touchstone.host(host.name)).host;
  const approve = () =>
    touchstone.operator('POST', `/v1/hosts/${host.name}/approval`, HostDetail, {
      akName: host.akName,
      classes: ['software'],
    });

  describe('is not changed by junk in its name', () => {
    /** Its own evidence with another signature on it. */
    const junk = async (): Promise<Evidence> => {
      const [evidence, other] = [await host.evidence('attest'), await host.evidence('attest')];
      const { signature } = other.quote;
      return { ...evidence, quote: { ...evidence.quote, signature } };
    };

    it('which is refused, counted and alerted, and gives nobody time: SIGNATURE_INVALID (P13)', async () => {
      const forged = await junk();
      const counted = () =>
        metric(touchstone, 'touchstone_refusals_total', {
          route: '/v1/evidence',
          code: 'SIGNATURE_INVALID',
        });
      const before = await counted();
      await attack('P13', () => refusedWithoutTrace(touchstone, () => host.deliver(forged)));
      assert.equal(await counted(), before + 1);
      assert.equal(await alertCount(touchstone, 'EVIDENCE_REJECTED', host.name), 1);

      const { lastAuthenticAt } = await shown();
      const staleAt = Date.parse(lastAuthenticAt ?? '') + UNTIL_STALE_MS;
      while (Date.now() < staleAt) {
        await assert.rejects(host.deliver(await junk()), { code: 'SIGNATURE_INVALID' });
      }
      const stale = await shown();
      assert.deepEqual(
        { ...stale, lastAuthenticAt: '' },
        { ...stale, state: 'stale', stateBeneath: 'trusted', lastAuthenticAt: '' },
      );
      assert.equal(stale.lastAuthenticAt, lastAuthenticAt);
      assert.equal((await host.attest()).state, 'trusted', 'its own evidence is what counts');
    });

    it('of whatever kind, however much, by whomever: it stays trusted, there is one alert (P13)', async () => {
      const alerts = async () =>
        (await touchstone.operator('GET', '/v1/alerts', AlertList)).alerts.length;
      const evidence = await host.evidence('attest');
      await host.deliver(evidence);
      const strangers = await stranger.evidence('attest', {
        hostId: host.hostId,
        akName: host.akName,
        challenge: (await host.challenge('attest')).challenge,
      });
      const kinds: readonly Evidence[] = [
        strangers,
        { ...strangers, quote: evidence.quote },
        { ...strangers, pcrs: evidence.pcrs, blobs: evidence.blobs },
        await junk(),
      ];
      await host.attest();
      const before = await alerts();
      for (let round = 0; round < 12; round += 1) {
        for (const kind of kinds) {
          const code = await codeOf(host.deliver(kind));
          assert.notEqual(code, 'INTERNAL');
        }
        await host.attest();
      }
      assert.equal((await shown()).stateBeneath, 'trusted');
      assert.equal(await alerts(), before, 'in the one row, however often');
      assert.ok((await alertCount(touchstone, 'EVIDENCE_REJECTED', host.name)) >= 24);
    });

    it('nor by junk about hosts that there are not: nothing is written (P13)', async () => {
      const { alerts: before } = await touchstone.operator('GET', '/v1/alerts', AlertList);
      for (let round = 0; round < 5; round += 1) {
        const evidence = await stranger.evidence('attest', { hostId: randomUUID() });
        const { code } = await refusedWithoutTrace(touchstone, () => stranger.deliver(evidence));
        assert.equal(code, 'HOST_UNKNOWN');
      }
      const { alerts: after } = await touchstone.operator('GET', '/v1/alerts', AlertList);
      assert.deepEqual(after, before);
    });
  });

  describe('when it failed stays with it through good evidence', () => {
    const fail = async () => {
      assert.equal((await host.attest({ log: () => null })).state, 'untrusted');
    };
    /** Evidence in which nothing is wrong, and for which nothing is given. */
    const stillUntrusted = async (): Promise<Observed> => {
      const { state, verdict } = await host.attest();
      assert.deepEqual({ state, verdict }, { state: 'untrusted', verdict: 'warning' });
      const { code, codes } = refusalOf(await host.askForPermit(vm));
      assert.equal(code, 'HOST_NOT_TRUSTED');
      assert.equal((await shown()).state, 'untrusted');
      const { findings } = await touchstone.explanation(host.name);
      assert.equal(findings[0]?.code, codes[1]);
      return { outcome: 'U', code: codes[1] ?? '' };
    };

    it('of the same boot, once and again: STATE_UNTRUSTED_UNTIL_REBOOT (P14)', async () => {
      await fail();
      await attack('P14', stillUntrusted);
      await attack('P14', stillUntrusted);
      await host.reboot();
      assert.equal((await host.attest()).state, 'trusted', 'a later boot is another matter');
    });

    it('after it was stale between (P14)', async () => {
      await fail();
      await sleep(UNTIL_STALE_MS);
      const { state, stateBeneath } = await shown();
      assert.deepEqual({ state, stateBeneath }, { state: 'stale', stateBeneath: 'untrusted' });
      await attack('P14', stillUntrusted);
    });

    it('and through enrolling again, until an approver has decided (P14)', async () => {
      await fail();
      await host.certify();
      assert.equal((await host.enrol(await touchstone.joinToken())).state, 'untrusted');
      await attack('P14', stillUntrusted);
      assert.equal((await approve()).host.state, 'trusted');
      assert.equal((await host.attest()).state, 'trusted');
    });

    it('also where it failed when it asked for a permit (P14)', async () => {
      assert.ok(refusalOf(await host.askForPermit(vm, { log: () => null })).code);
      await attack('P14', stillUntrusted);
    });
  });

  describe('is not what it still is when the appraisal breaks off', () => {
    /** The database refuses to store what is appraised of this host. */
    const broken = async (work: () => Promise<void>) => {
      const constraint = `broken_${randomUUID().replaceAll('-', '')}`;
      await change(
        touchstone,
        `ALTER TABLE attestations ADD CONSTRAINT ${constraint}
           CHECK (host_id <> '${host.hostId}') NOT VALID`,
      );
      try {
        await work();
      } finally {
        await change(touchstone, `ALTER TABLE attestations DROP CONSTRAINT ${constraint}`);
      }
    };
    const unsettled = async (deliver: () => Promise<unknown>): Promise<Observed> => {
      const code = 'EVIDENCE_UNSETTLED';
      const alerts = await alertCount(touchstone, code, host.name);
      assert.equal(await codeOf(deliver()), code, 'no standing licence outlasts it');
      assert.equal((await shown()).stateBeneath, 'untrusted');
      assert.equal(await alertCount(touchstone, code, host.name), alerts + 1);
      return { outcome: 'U', code };
    };

    for (const [what, dishonesty] of [
      ['bad', { log: () => null }],
      ['good', {}],
    ] as const) {
      it(`over ${what} evidence: EVIDENCE_UNSETTLED (P15)`, async () => {
        const { lastAuthenticAt } = await shown();
        await broken(async () => {
          await attack('P15', () => unsettled(() => host.attest(dishonesty)));
          await attack('P15', () => unsettled(() => host.askForPermit(vm, dishonesty)));
          assert.equal((await shown()).lastAuthenticAt, lastAuthenticAt, 'no time is won');
        });
        assert.equal(await codeOf(approve()), 'EVIDENCE_DOUBTED');
        const path = `/v1/hosts/${host.name}/baseline`;
        const name = `${host.name}-${what}`;
        const body = { name, acceptUnverified: true };
        await touchstone.operator('POST', path, BaselineList, body);
        await touchstone.operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
        assert.equal((await shown()).stateBeneath, 'untrusted', 'nor by another baseline');

        assert.equal((await host.attest()).state, 'untrusted', 'of the same boot');
        await host.reboot();
        assert.equal((await host.attest()).state, 'trusted');
      });
    }

    it('and the host can bring about no such break by what it measured', async () => {
      const strange = [
        'NUL \0 in it',
        'a line\nand another',
        '\u001b]0;title\u0007',
        '\ufffe\uffff\u{10ffff}',
        '{"__proto__":null}',
        'x'.repeat(60_000),
      ];
      const alerts = await alertCount(touchstone, 'EVIDENCE_UNSETTLED', host.name);
      for (const text of strange) {
        const measured = { pcr: 8, event: { kind: 'command-line', text } } as const;
        await host.reboot([...GOOD_BOOT, measured]);
        assert.equal((await host.attest()).verdict, 'contraindicated', JSON.stringify(text));
        const claimed = logOf([measured]);
        await host.extend(8, encodeSoftwareEvent(measured.event));
        assert.equal((await host.attest({ log: () => claimed })).verdict, 'contraindicated');
      }
      assert.equal(await alertCount(touchstone, 'EVIDENCE_UNSETTLED', host.name), alerts);
    });
  });
});
