import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GateReport, PermitClaims, RunningVm, StartRequest } from '@touchstone/schemas';
import { enforce, observe } from '../services/gate-mode.ts';
import { lookAtGate } from '../services/look-at-gate.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { viewStanding } from '../services/vm-standings.ts';
import { MOST_OF_STARTS } from '../store/kept-exposures.ts';
import { AT, claimsOf, useGateFleet } from './support/gate-fleet.ts';
import { BY } from './support/made-fleet.ts';
import type { MadeHost } from './support/made-host.ts';

describe('What the server says of starts without a proof', () => {
  const { fleet, report, ask, vmWith, runningOf, codesAt, audited } = useGateFleet();
  const { trustedHost } = fleet;
  const decidedBy = (count: number): GateReport['decided'] =>
    Array.from({ length: count }, () => ({
      ...{ requestId: randomUUID(), vm: randomUUID(), decision: 'licensed' as const },
      ...{ code: 'SERVER_UNREACHABLE', at: AT },
    }));
  const stored = (hostId: string) =>
    fleet.verifier.asAdministrator(
      `SELECT code, vm FROM exposures WHERE host_id = $1 AND origin = 'server'`,
      [hostId],
    );

  describe('where a VM is permitted elsewhere', () => {
    it('stays while the host says that it runs there, and no longer', async () => {
      const [{ host, hostId, name }, other] = [await trustedHost(), await trustedHost()];
      const { uuid: vm } = await vmWith();
      const running = [runningOf(vm, randomUUID())];
      const [licensed] = decidedBy(1);
      await report(host, hostId, { running, decided: [{ ...licensed!, vm }] });
      assert.ok('permit' in fleet.first(await ask(other.host, other.hostId, vm)));
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
      const standing = await viewStanding(fleet.verifier, vm);
      assert.deepEqual(
        standing.running.map(({ ground }) => ground),
        ['licence'],
      );
      fleet.verifier.pass(301);
      await report(host, hostId, { running });
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
      await report(host, hostId, {});
      assert.deepEqual(await codesAt(name), []);
    });

    it('ends, where the host never says what runs there', async () => {
      const [{ host, hostId, name }, other] = [await trustedHost(), await trustedHost()];
      const { uuid: vm } = await vmWith();
      await observe(fleet.verifier, BY, { seconds: 3_600, labels: {}, reason: 'adopting' });
      host.reboot('changed');
      const observed = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      await takePermitRequest(fleet.verifier, observed);
      await enforce(fleet.verifier, BY, { reason: 'done' });
      assert.deepEqual(await codesAt(name), ['OBSERVED_START']);
      assert.ok('permit' in fleet.first(await ask(other.host, other.hostId, vm)));
      assert.deepEqual(await codesAt(name), []);
    });
  });

  describe('of starts that a host makes up', () => {
    it('fill no table: the newest are kept, and a line says that others are gone: EXPOSURES_DROPPED', async () => {
      const { host, hostId, name } = await trustedHost();
      const oldest = decidedBy(1);
      await report(host, hostId, { decided: oldest });
      const statements = Math.ceil(MOST_OF_STARTS / 64);
      for (let told = 0; told < statements; told += 1) {
        await report(host, hostId, { decided: decidedBy(64) });
      }
      const newest = decidedBy(64);
      await report(host, hostId, { decided: newest });
      const rows = await stored(hostId);
      const kept = new Set(rows.map(({ vm }) => vm));
      assert.equal(rows.length, MOST_OF_STARTS + 1);
      assert.ok(!kept.has(oldest[0]?.vm));
      assert.ok(newest.every(({ vm }) => kept.has(vm)));
      assert.ok((await codesAt(name)).includes('EXPOSURES_DROPPED'));
      assert.equal(await fleet.alerts('EXPOSURES_DROPPED', name), 1);
      const last = (await audited('exposure.change', name)).at(-1);
      assert.match(last?.detail ?? '', /^dropped: the oldest 64; begun: LICENCE_USED/u);
    });

    it('go when they are over, though the host tells the same as before', async () => {
      const { host, hostId, name } = await trustedHost();
      const vm = await vmWith();
      const running = [runningOf(vm.uuid)];
      const [there] = decidedBy(1);
      assert.ok(there !== undefined);
      const decided = [...decidedBy(3), { ...there, vm: vm.uuid }];
      await report(host, hostId, { running, decided });
      await lookAtGate(fleet.verifier);
      assert.equal((await stored(hostId)).length, 4, 'not yet');
      fleet.verifier.pass(301);
      await lookAtGate(fleet.verifier);
      assert.equal((await stored(hostId)).length, 4, 'it told nothing since');
      await report(host, hostId, { running });
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
      await lookAtGate(fleet.verifier);
      assert.deepEqual(await stored(hostId), [{ code: 'LICENCE_USED', vm: vm.uuid }]);
      const over = (await audited('exposure.change', name)).at(-1);
      assert.match(over?.detail ?? '', /^ended: (LICENCE_USED VM [-0-9a-f]+(, )?){3}$/u);
    });

    it('are not over while the host only asks for permits: those say nothing of what runs', async () => {
      const { host, hostId, name } = await trustedHost();
      await report(host, hostId, { decided: decidedBy(1) });
      fleet.verifier.pass(301);
      await ask(host, hostId, randomUUID());
      await lookAtGate(fleet.verifier);
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
      assert.equal((await stored(hostId)).length, 1);
      await report(host, hostId, {});
      assert.deepEqual(await codesAt(name), []);
    });

    it('settle from the last of them, where a VM is started again', async () => {
      const { host, hostId, name } = await trustedHost();
      const [first] = decidedBy(1);
      assert.ok(first !== undefined);
      await report(host, hostId, { decided: [first] });
      fleet.verifier.pass(290);
      await report(host, hostId, { decided: [{ ...first, requestId: randomUUID() }] });
      fleet.verifier.pass(20);
      await report(host, hostId, {});
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
      await report(host, hostId, { running: [runningOf(first.vm)] });
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
    });

    it('are over in the next statement too, where more are made up', async () => {
      const { host, hostId } = await trustedHost();
      await report(host, hostId, { decided: decidedBy(3) });
      fleet.verifier.pass(301);
      await report(host, hostId, { decided: decidedBy(1) });
      assert.equal((await stored(hostId)).length, 1);
    });
  });

  describe('of which lines were dropped', () => {
    /** A VM was started by a licence, and its line went since newer ones took its place; those are over by now. */
    const dropped = async () => {
      const there = await trustedHost();
      const { uuid: vm } = await vmWith();
      const [licensed] = decidedBy(1);
      await report(there.host, there.hostId, { decided: [{ ...licensed!, vm }] });
      await fleet.verifier.asAdministrator(
        `INSERT INTO exposures (host_id, key, origin, code, subject, detail, vm, since)
         SELECT $1, encode(sha256(n::text::bytea), 'hex'), 'server', 'LICENCE_USED', 'VM', '', gen_random_uuid(), $2
           FROM generate_series(1, $3::integer) n`,
        [there.hostId, fleet.verifier.clock.now(), MOST_OF_STARTS],
      );
      await report(there.host, there.hostId, { decided: decidedBy(1) });
      assert.ok((await stored(there.hostId)).every((line) => line['vm'] !== vm));
      fleet.verifier.pass(301);
      return { ...there, vm };
    };
    const permittedAt = async (
      { host, hostId }: { readonly host: MadeHost; readonly hostId: string },
      request: StartRequest,
    ): Promise<RunningVm> => {
      const evidence = fleet.batchEvidence(host, hostId, [request]);
      const permit = fleet.first(await takePermitRequest(fleet.verifier, evidence));
      assert.ok('permit' in permit);
      return runningOf(request.vm, claimsOf<PermitClaims>(permit.permit).jti);
    };

    it('EXPOSURES_DROPPED stays while the host says to run what no line may tell of', async () => {
      const { host, hostId, name, vm } = await dropped();
      const running = [runningOf(vm, randomUUID())];
      await report(host, hostId, { running });
      assert.deepEqual(await codesAt(name), ['EXPOSURES_DROPPED']);
      await lookAtGate(fleet.verifier);
      await report(host, hostId, { running, decided: decidedBy(1) });
      assert.ok((await codesAt(name)).includes('EXPOSURES_DROPPED'));
      await report(host, hostId, {});
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
    });

    it('EXPOSURES_DROPPED stays while the host leaves out what it runs, or runs what was restored', async () => {
      const { host, hostId, name, vm } = await dropped();
      await report(host, hostId, { omitted: 1 });
      assert.deepEqual((await codesAt(name)).toSorted(), ['EXPOSURES_DROPPED', 'REPORT_OMITS']);
      const restore = { operation: 'restore', savedState: 'a'.repeat(64) } as const;
      const restored = await permittedAt({ host, hostId }, fleet.secondRequestFor(vm, restore));
      await report(host, hostId, { running: [restored] });
      assert.deepEqual(await codesAt(name), ['EXPOSURES_DROPPED']);
    });

    it('EXPOSURES_DROPPED is over where all that runs has a permit, or a line of its own', async () => {
      const { host, hostId, name, vm } = await dropped();
      const permitted = await permittedAt({ host, hostId }, fleet.secondRequestFor(vm));
      const { uuid: other } = await vmWith();
      const told = { code: 'VM_WITHOUT_PERMIT', subject: 'VM web', detail: '', vm: other };
      await report(host, hostId, {
        running: [permitted, runningOf(other), { ...runningOf(other), vm: null }],
        exposures: [{ ...told, since: AT }],
      });
      assert.deepEqual(await codesAt(name), ['VM_WITHOUT_PERMIT']);
      await lookAtGate(fleet.verifier);
      assert.deepEqual(await stored(hostId), []);
    });
  });
});
