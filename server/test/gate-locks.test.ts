import assert from 'node:assert/strict';
import { approveReplacement, viewReplacements } from '../services/decide-replacement.ts';
import { retireBaselines } from '../services/retire-baselines.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { viewStanding } from '../services/vm-standings.ts';
import { appendAudit } from '../store/audit.ts';
import { lockHost } from '../store/hosts.ts';
import { holdVms, lockVm, updateVm } from '../store/vms.ts';
import { useGateFleet } from './support/gate-fleet.ts';
import { BY } from './support/made-fleet.ts';

describe('What is done to hosts and VMs at the same time', () => {
  const { fleet, report, runningOf } = useGateFleet();

  /** Another machine under the name of a host, that nobody would trust; it is approved when it is called. */
  const offeredBadMachine = async (name: string) => {
    const next = fleet.newHost();
    next.reboot('bad');
    await assert.rejects(fleet.enrol(next, name), { code: 'REPLACEMENT_QUEUED' });
    const { replacements } = await viewReplacements(fleet.verifier);
    const offer = replacements.find(({ hostName }) => hostName === name);
    assert.ok(offer !== undefined);
    const approval = { akName: next.akName, classes: ['software' as const] };
    return () => approveReplacement(fleet.verifier, BY, offer.id, approval);
  };

  it('a host loses its trust by a baseline, while a later one is answered', async () => {
    const hosts = [await fleet.trustedHost(), await fleet.trustedHost()];
    const [one, later] = hosts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    assert.ok(one !== undefined && later !== undefined);
    const asked = [fleet.secondRequestFor(await fleet.registeredVm())];
    const evidence = fleet.batchEvidence(one.host, one.hostId, asked);
    assert.ok('permit' in fleet.first(await takePermitRequest(fleet.verifier, evidence)));

    const now = fleet.verifier.clock.now();
    const locked = Promise.withResolvers<void>();
    const answered = fleet.verifier.database.transaction(async (on) => {
      await lockHost(on, later.hostId);
      locked.resolve();
      await fleet.waitingForLocks(1);
      await appendAudit(on, { actor: 'test', action: 'test', subject: 'test' }, now);
    });
    await locked.promise;
    const retired = retireBaselines(fleet.verifier, BY, one.name, { reason: 'it is over' });
    const [{ changedHosts }] = await Promise.all([retired, answered]);
    assert.deepEqual(
      changedHosts?.map(({ name, to }) => [name, to]),
      [[one.name, 'untrusted']],
    );
  });

  it('another machine takes a host’s name, while a VM is permitted elsewhere', async () => {
    const [one, other] = [await fleet.trustedHost(), await fleet.trustedHost()];
    const [moved, stays] = [await fleet.registeredVm(), await fleet.registeredVm()];
    const asked = [moved, stays].map((vm) => fleet.secondRequestFor(vm));
    await takePermitRequest(fleet.verifier, fleet.batchEvidence(one.host, one.hostId, asked));
    const approve = await offeredBadMachine(one.name);

    const now = fleet.verifier.clock.now();
    const placed = Promise.withResolvers<void>();
    // As a permit does it: the VM, its place, and then the audit log's turn.
    const permitted = fleet.verifier.database.transaction(async (on) => {
      await holdVms(on, [moved]);
      const sql = 'UPDATE vm_places SET host_id = $2 WHERE vm = $1';
      await on.query(sql, [moved, other.hostId]);
      placed.resolve();
      await fleet.waitingForLocks(1);
      await appendAudit(on, { actor: 'test', action: 'test', subject: 'test' }, now);
    });
    await placed.promise;
    const [{ state }] = await Promise.all([approve(), permitted]);
    assert.equal(state, 'approved');
    const places = await fleet.verifier.asAdministrator(
      'SELECT vm, host_id FROM vm_places WHERE vm = ANY ($1)',
      [[moved, stays]],
    );
    assert.deepEqual(places, [{ vm: moved, host_id: other.hostId }]);
  });

  it('another machine takes a host’s name, while a VM’s record is changed to hold it', async () => {
    // It runs there by the host's word alone: no permit, and so no place that a change of its record locks.
    const { host, hostId, name, vm } = await fleet.vmOfTrusted();
    await report(host, hostId, { running: [runningOf(vm)] });
    const approve = await offeredBadMachine(name);

    const now = fleet.verifier.clock.now();
    const locked = Promise.withResolvers<void>();
    const changed = fleet.verifier.database.transaction(async (on) => {
      const record = await lockVm(on, vm);
      assert.ok(record !== null);
      await updateVm(on, { ...record, onLoss: 'no-new-starts' });
      locked.resolve();
      await fleet.waitingForLocks(1);
      await appendAudit(on, { actor: 'test', action: 'test', subject: 'test' }, now);
    });
    await locked.promise;
    await Promise.all([approve(), changed]);
    assert.equal((await viewStanding(fleet.verifier, vm)).held?.hostName, name);
  });
});
