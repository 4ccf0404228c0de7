import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Static, TSchema } from 'typebox';
import { CaOwnStatus, CaStatus, Rotation } from '@touchstone/schemas';
import { AppError, type Client, pinnedClient } from '@touchstone/transport';
import { attack } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { patiently, type SimulatedFleet, startSimulatedFleet } from '../support/simulated-fleet.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** As many as the design asks for; TOUCHSTONE_ROTATION_HOSTS for another number. */
const HOSTS = Number(process.env['TOUCHSTONE_ROTATION_HOSTS'] ?? 200);
const AWAY = 3;
const DEADLINE_MS = 60_000;

describe('While the CA’s keys change', function () {
  this.timeout(4 * DEADLINE_MS);
  let touchstone: Touchstone;
  let ca: CaReplica;
  let operator: Client;
  let fleet: SimulatedFleet;
  const vm = randomUUID();

  before(async () => {
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone);
    operator = pinnedClient({
      ...{ url: ca.url, pin: touchstone.ca.fingerprint },
      timeoutMs: DEADLINE_MS,
    });
    await touchstone.addVm({ uuid: vm, name: 'mail' });
    fleet = await startSimulatedFleet(touchstone, ca, HOSTS);
    fleet.run(vm);
  });
  after(async () => {
    await fleet?.stop();
    await operator?.close();
    await ca?.stop();
    await touchstone?.stop();
  });

  const atCa = <T extends TSchema>(
    method: 'GET' | 'POST',
    path: string,
    schema: T,
    body?: object,
  ): Promise<Static<T>> =>
    operator.request({
      ...{ method, path: `/v1/operator/${path}`, schema, bearer: touchstone.caToken },
      ...(body === undefined ? {} : { body }),
    });
  const atServer = () => touchstone.operator('GET', '/v1/ca', CaStatus);
  const until = async <T>(look: () => Promise<T | undefined>, what: string): Promise<T> => {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      assert.ok(Date.now() < deadline, `never: ${what}`);
      // The server asks the CA when somebody asks the server.
      await atServer();
      await sleep(100);
    }
  };
  const namesAway = () => new Set([...fleet.away].map(({ name }) => name));
  const waitsForAwayAlone = ({ blockers }: Rotation) =>
    blockers.length > 0 &&
    blockers.every(({ subject }) => namesAway().has(subject) || /certificates?$/u.test(subject));

  /** The CA looks after its rotations by itself as well: whoever comes meanwhile comes again. */
  const advance = async (id: string, body: { readonly from: string; readonly force: boolean }) => {
    for (;;) {
      try {
        return await atCa('POST', `rotations/${id}/advance`, Rotation, body);
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'ROTATION_BUSY') throw error;
        await sleep(500);
      }
    }
  };

  /** Every phase in its turn, as an operator goes on: past the hosts that are away, and past nobody else. */
  async function through(id: string): Promise<{ phases: string[]; forced: string[] }> {
    const phases: string[] = [];
    const forced: string[] = [];
    for (;;) {
      const { phase, force } = await until(
        async () => {
          const { rotation } = await atCa('GET', 'status', CaOwnStatus);
          if (rotation === null) return { phase: 'done' as const, force: false };
          if (rotation.blockerCount === 0) return { phase: rotation.phase, force: false };
          return waitsForAwayAlone(rotation) ? { phase: rotation.phase, force: true } : undefined;
        },
        `the end of ${phases.at(-1) ?? 'the plan'}`,
      );
      phases.push(phase);
      if (phase === 'done') return { phases, forced };
      if (force) forced.push(phase);
      await advance(id, { from: phase, force });
    }
  }

  it(`none of ${HOSTS} hosts is refused, and those that were away come back by renewal`, async () => {
    await fleet.leave(fleet.hosts.slice(-AWAY));
    const before = await atServer();
    const [old] = before.issuers;
    assert.equal(old?.hosts.count, HOSTS);
    const started = await atCa('POST', 'rotations', Rotation, {
      ...{ kind: 'root', mode: 'planned', auto: false, reason: 'drill' },
    });
    const { phases, forced } = await through(started.id);
    assert.deepEqual(phases, [
      ...['plan', 'stage', 'distribute', 'switch', 'reissue', 'drain', 'retire', 'destroy', 'done'],
    ]);
    assert.deepEqual(forced, ['distribute', 'reissue', 'drain'].slice(0, forced.length));

    const { attested, permitted } = fleet.counts;
    assert.deepEqual(fleet.refused, []);
    assert.ok(attested >= HOSTS - AWAY && permitted > 0, `${attested} and ${permitted}`);
    const status = await until(async () => {
      const now = await atServer();
      return now.issuers.find(({ keyId }) => keyId === old.keyId)?.state === 'refused'
        ? now
        : undefined;
    }, 'the old issuer refused');
    const gone = status.issuers.find(({ keyId }) => keyId === old.keyId);
    assert.deepEqual([gone?.reason, gone?.hosts.count], ['retired', AWAY]);
    assert.deepEqual(new Set(gone?.hosts.named.map(({ name }) => name)), namesAway());
    const [one] = [...fleet.away];
    assert.equal((await touchstone.host(one?.name ?? '')).host.state, 'stale');

    await attack('C5', async () => {
      const refused = patiently(async () => one?.attest());
      await assert.rejects(refused, { code: 'AK_CERT_ISSUER_REFUSED' });
      return { outcome: 'R', code: 'AK_CERT_ISSUER_REFUSED' };
    });
    for (const host of fleet.away) {
      await patiently(() => host.renew());
      assert.equal((await patiently(() => host.attest())).state, 'trusted');
      await patiently(() => host.permit(vm));
    }
    await fleet.leave([]);
    const after = await atServer();
    assert.deepEqual(
      after.issuers
        .map(({ state, hosts }) => `${state} ${hosts.count}`)
        .toSorted((a, b) => a.localeCompare(b)),
      [`active ${HOSTS}`, 'refused 0'],
    );
    assert.equal(after.anchors.length, 1);
    assert.deepEqual(fleet.refused, []);
  });

  it('after a theft the list of hosts and VMs that lose trust is that of all, and all of them come back', () =>
    attack('C7', async () => {
      const stolen = (await atServer()).issuers.find(({ state }) => state === 'active');
      assert.deepEqual([stolen?.hosts.count, stolen?.vms.count], [HOSTS, 1]);
      const renewals = fleet.hosts.reduce((sum, host) => sum + host.renewals, 0);
      await fleet.leave(fleet.hosts);
      const started = await atCa('POST', 'rotations', Rotation, {
        ...{ kind: 'root', mode: 'compromise', auto: true, reason: 'stolen' },
      });
      const refused = await until(async () => {
        const { issuers } = await atServer();
        const found = issuers.find(({ keyId }) => keyId === stolen?.keyId);
        return found?.state === 'refused' ? found : undefined;
      }, 'the stolen issuer refused');
      assert.deepEqual(
        [refused.reason, refused.hosts.count, refused.vms.count],
        ['compromised', HOSTS, 1],
      );
      const [one] = fleet.hosts;
      assert.ok(one !== undefined);
      const { host } = await touchstone.host(one.name);
      assert.deepEqual([host.state, host.reason?.code], ['stale', 'AK_CERT_ISSUER_REFUSED']);
      const code = 'AK_CERT_ISSUER_REFUSED';
      for (const asks of [() => one.attest(), () => one.permit(vm)]) {
        await assert.rejects(patiently<unknown>(asks), { code });
      }

      await Promise.all(
        [0, 1, 2, 3].map(async (worker) => {
          for (const each of fleet.hosts.filter((_, index) => index % 4 === worker)) {
            await patiently(() => each.renew());
          }
        }),
      );
      await fleet.leave([]);
      await until(async () => {
        const { rotation } = await atCa('GET', 'status', CaOwnStatus);
        return rotation === null || undefined;
      }, `the end of ${started.id}`);
      const { issuers } = await atServer();
      assert.deepEqual(
        issuers
          .filter(({ hosts }) => hosts.count > 0)
          .map(({ state, hosts }) => [state, hosts.count]),
        [['active', HOSTS]],
      );
      const all = fleet.hosts.reduce((sum, each) => sum + each.renewals, 0);
      assert.equal(all - renewals, HOSTS);
      const last = fleet.hosts.at(-1)?.name ?? '';
      await until(async () => {
        const { state } = (await touchstone.host(last)).host;
        return state === 'trusted' || undefined;
      }, `${last} trusted again`);
      assert.deepEqual(fleet.refused, []);
      return { outcome: 'R', code };
    }));
});
