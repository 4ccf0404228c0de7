import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  AlertList,
  BaselineList,
  type Evidence,
  EvidenceAnswer,
  Health,
  HostList,
  PermitsAnswer,
  type ResultClaims,
  type Statement,
  VmStarts,
} from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { startFallback } from '../support/fallback.ts';
import { readJws } from '../support/jws.ts';
import { recordsOf, refusedWithoutTrace } from '../support/records.ts';
import { codeOf, permitOf } from '../support/refusals.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { shiftedClock } from '../support/shifted-clock.ts';
import { startRequest, TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

describe('Two server processes over one PostgreSQL', () => {
  let one: Touchstone;
  let other: Replica;
  let host: TestHost;
  let vm: string;
  before(async () => {
    one = await startTouchstone();
    other = await startReplica(one);
    host = await TestHost.trusted(one);
    vm = randomUUID();
    await one.addVm({ uuid: vm, name: 'gated' });
  });
  after(async () => {
    await host?.stop();
    await other?.stop();
    await one?.stop();
  });

  const attestAt = (at: Touchstone, body: Evidence) =>
    at.client.request({ method: 'POST', path: '/v1/evidence', schema: EvidenceAnswer, body });
  const permitAt = (at: Touchstone, body: Evidence) =>
    at.client.request({ method: 'POST', path: '/v1/permits', schema: PermitsAnswer, body });
  const attestation = () => host.evidence('attest');
  const question = () => host.evidence('permit', { permits: [startRequest(vm)] });
  const stateOf = async () => (await one.host(host.name)).host.state;
  const startsOf = async () => {
    const { starts } = await other.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
    return starts.length;
  };

  it('take the challenges of each other, and the same evidence for the same: one answer', async () => {
    const evidence = await attestation();
    const answers = await Promise.all([attestAt(one, evidence), attestAt(other, evidence)]);
    assert.deepEqual(answers[0], answers[1]);
    const asked = await question();
    const permits = await Promise.all([permitAt(other, asked), permitAt(one, asked)]);
    assert.ok(permitOf(permits[0]) !== undefined);
    assert.deepEqual(permits[0], permits[1]);
    assert.equal(await startsOf(), 1, 'one permit for one request');
  });

  it('supersede a question that an attestation overtook at the other: no permit, not untrusted: G25', async () => {
    const asked = await question();
    const later = await attestation();
    await attestAt(other, later);
    const starts = await startsOf();
    await attack('G25', () => refusedWithoutTrace(one, () => permitAt(one, asked)));
    assert.equal(await startsOf(), starts);
    assert.equal(await stateOf(), 'trusted');
  });

  it('supersede an attestation that a question overtook at the other: not untrusted: G25', async () => {
    const attested = await attestation();
    const asked = await question();
    assert.ok(permitOf(await permitAt(one, asked)) !== undefined);
    await attack('G25', () => refusedWithoutTrace(one, () => attestAt(other, attested)));
    assert.equal(await stateOf(), 'trusted');
  });

  it('leave a host trusted when both come at once, and permit by the newer or not at all: G25', async () => {
    for (let round = 0; round < 6; round += 1) {
      const asked = await question();
      const later = await attestation();
      const [attested, permit] = await Promise.allSettled([
        attestAt(round % 2 === 0 ? one : other, later),
        permitAt(round % 2 === 0 ? other : one, asked),
      ]);
      assert.equal(attested.status, 'fulfilled');
      if (permit.status === 'rejected') {
        assert.equal(await codeOf(Promise.reject(permit.reason as Error)), 'EVIDENCE_SUPERSEDED');
      }
      assert.equal(await stateOf(), 'trusted');
    }
  });

  it('show the same hosts', async () => {
    const [mine, theirs] = [
      await one.operator('GET', '/v1/hosts', HostList),
      await other.operator('GET', '/v1/hosts', HostList),
    ];
    assert.deepEqual(mine, theirs);
  });

  describe('while the policy is changed at one of them', () => {
    /** The host's own documents, with versions above all others; where bad, with other measurements. */
    async function draft(bad: boolean, good: readonly string[]): Promise<void> {
      const { baselines } = await one.operator(
        'GET',
        `/v1/baselines?name=${host.name}`,
        BaselineList,
      );
      const version = Math.max(...baselines.map(({ baseline }) => baseline.version)) + 1;
      const yaml = good
        .map((text) => text.replace(/^version: \d+$/mu, `version: ${version}`))
        .map((text) => (bad ? text.replaceAll(/\b[0-9a-f]{64}\b/gu, another) : text))
        .join('---\n');
      await one.operator('POST', '/v1/baselines', BaselineList, { yaml });
    }

    const another = (digest: string) => digest.split('').toReversed().join('');

    it('permit by the old or by the new, and end with the new: P6', async () => {
      const { baselines } = await one.operator(
        'GET',
        `/v1/baselines?name=${host.name}`,
        BaselineList,
      );
      const good = baselines.map(({ yaml }) => yaml);
      const approve = () =>
        one.operator('POST', `/v1/baselines/${host.name}/approval`, BaselineList, {});
      for (const bad of [true, false, true, false]) {
        await draft(bad, good);
        const asked = await question();
        const settled = await Promise.allSettled([approve(), permitAt(other, asked)]);
        for (const { status } of settled) assert.equal(status, 'fulfilled');
        assert.equal(await stateOf(), bad ? 'untrusted' : 'trusted');
        const after = await permitAt(other, await question());
        assert.equal(permitOf(after) === undefined, bad);
      }
      const { attestations = [] } = await recordsOf(one);
      const versions = (attestations as { baselines: { version: number }[] }[])
        .map(({ baselines: used }) => new Set(used.map(({ version }) => version)))
        .filter(({ size }) => size > 0);
      assert.ok(versions.length > 8);
      for (const { size } of versions) assert.equal(size, 1, 'one version used throughout');
    });
  });

  describe('of which one', () => {
    for (const [what, ms] of Object.entries({
      'is 2.5 s ahead': 2_500,
      'is a year behind': -365 * 86_400_000,
    })) {
      it(`${what} serves nobody, and says why: CLOCK_OFF (G18)`, async () => {
        const environment = shiftedClock(ms);
        const off = await startReplica(one, { environment });
        try {
          const evidence = await attestation();
          for (const asked of [
            () => attestAt(off, evidence),
            () => off.operator('GET', '/v1/hosts', HostList),
            () => host.challengeFrom(off),
          ]) {
            await attack('G18', async () => ({ outcome: 'R', code: await codeOf(asked()) }));
          }
          const ready = { method: 'GET', path: '/v1/ready', schema: Health } as const;
          assert.equal(await codeOf(off.client.request(ready)), 'ANSWER_MALFORMED', 'it is a 503');
          assert.equal((await attestAt(one, evidence)).state, 'trusted', 'the others serve on');
        } finally {
          await off.stop();
        }
      });
    }

    it('has another policy than the host has seen: its result names it, and there is an alert: POLICY_DIVERGES (T14)', async () => {
      const fallback = await startFallback(one, 'fallback');
      try {
        const policyOf = ({ result }: EvidenceAnswer) =>
          (readJws(result).claims as ResultClaims).submods.host;
        const { 'ear.appraisal-policy-id': known } = policyOf(await host.attest());
        const claiming = (claimedPolicyId: string) => (honest: Statement) => ({
          ...honest,
          selfReported: { ...honest.selfReported, claimedPolicyId },
        });
        const attestedAt = async (at: Touchstone, claimed: string) => {
          const { challenge } = await host.challengeFrom(at);
          const statement = claiming(claimed);
          return policyOf(
            await attestAt(at, await host.evidence('attest', { challenge, statement })),
          );
        };
        const alerts = async (at: Touchstone) =>
          (await at.operator('GET', '/v1/alerts', AlertList)).alerts.filter(
            ({ code, subject }) => code === 'POLICY_DIVERGES' && subject === host.name,
          );
        assert.equal((await attestedAt(fallback, known))['ear.appraisal-policy-id'], known);
        assert.deepEqual(await alerts(fallback), [], 'one policy, one database or two');

        const { name } = host;
        const path = `/v1/hosts/${host.name}/baseline`;
        await one.operator('POST', path, BaselineList, { name, acceptUnverified: true });
        await one.operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
        const newer = (await attestedAt(one, known))['ear.appraisal-policy-id'];
        assert.notEqual(newer, known);
        await attack('T14', async () => {
          const result = await attestedAt(fallback, newer);
          assert.equal(result['ear.appraisal-policy-id'], known, 'it names what it used');
          const [alert, ...others] = await alerts(fallback);
          assert.deepEqual([alert?.detail, others], [`last judged by ${newer}`, []]);
          return { outcome: 'HOLDS' };
        });
        assert.deepEqual(await alerts(one), []);
        await attestedAt(one, 'touchstone/appraisal/999');
        assert.equal((await alerts(one)).length, 1, 'nor are the rules of another version known');
      } finally {
        await fallback.stop();
      }
    });
  });
});
