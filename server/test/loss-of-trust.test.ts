import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { attack } from '../../test/support/attack.ts';
import { revokeHost } from '../services/approve-host.ts';
import { clearVm } from '../services/clear-vm.ts';
import { lookAtGate } from '../services/look-at-gate.ts';
import { giveOrders } from '../services/mandates.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { viewStanding, viewStandings } from '../services/vm-standings.ts';
import { supersedeOrders } from '../store/restores.ts';
import { ordersOf, useGateFleet } from './support/gate-fleet.ts';
import { BY } from './support/made-fleet.ts';

describe('When the trust in a host is lost', () => {
  const { fleet, report, ask, vmWith, runningOf, ...shown } = useGateFleet();
  const { codesAt, exposuresAt, audited, onlyOrders } = shown;
  const { trustedHost, refusalCodes } = fleet;

  const actions = ['flag', 'no-new-starts', 'pause', 'shutdown'] as const;

  it('orders say what to do with each VM, a VM is held, and all is audited once: G16', () =>
    attack('G16', async () => {
      const { host, hostId, name } = await trustedHost();
      const vms = await Promise.all(actions.map((onLoss) => vmWith({ onLoss })));
      for (const vm of vms) await ask(host, hostId, vm.uuid);
      const before = onlyOrders(
        await report(host, hostId, { running: vms.map(({ uuid }) => runningOf(uuid)) }),
      );
      assert.equal(before['touchstone.state'], 'trusted');
      assert.deepEqual(before['touchstone.vms'], []);

      host.reboot('changed');
      const running = vms.map(({ uuid }) => runningOf(uuid));
      const after = onlyOrders(await report(host, hostId, { running }));
      assert.equal(after['touchstone.state'], 'untrusted');
      assert.ok(after['touchstone.sequence'] > before['touchstone.sequence']);
      assert.deepEqual(
        after['touchstone.vms'].map(({ action }) => action),
        actions.toReversed(),
      );
      assert.deepEqual(after, {
        ...ordersOf((await giveOrders(fleet.verifier, hostId)).orders),
        iat: after.iat,
      });
      for (const vm of vms) assert.equal((await audited('vm.trust-lost', vm.uuid)).length, 1);
      assert.equal(await fleet.alerts('VM_TRUST_LOST', name), 1);
      assert.deepEqual([...new Set(await codesAt(name))], ['VM_ON_UNTRUSTED_HOST']);

      const held = vms[1];
      assert.ok(held !== undefined);
      const other = await trustedHost();
      assert.deepEqual(refusalCodes(await ask(other.host, other.hostId, held.uuid)), ['VM_HELD']);
      const { vms: standings } = await viewStandings(fleet.verifier, FIRST_PAGE);
      const standing = standings.find(({ uuid }) => uuid === held.uuid);
      assert.equal(standing?.held?.hostName, name);
      assert.deepEqual(await viewStanding(fleet.verifier, held.uuid), standing);
      const unknown = viewStanding(fleet.verifier, randomUUID());
      await assert.rejects(unknown, { code: 'VM_UNKNOWN' });
      assert.equal(standing?.running[0]?.hostState, 'untrusted');
      await clearVm(fleet.verifier, BY, held.uuid, { reason: 'looked at' });
      assert.ok('permit' in fleet.first(await ask(other.host, other.hostId, held.uuid)));
      return { outcome: 'HOLDS' };
    }));

  it('by an operator, orders say so at once: G16', async () => {
    const { host, hostId, name } = await trustedHost();
    const vm = await vmWith({ onLoss: 'pause' });
    await ask(host, hostId, vm.uuid);
    await revokeHost(fleet.verifier, BY, name, { reason: 'stolen' });
    const orders = ordersOf((await giveOrders(fleet.verifier, hostId)).orders);
    assert.equal(orders['touchstone.state'], 'revoked');
    assert.deepEqual(orders['touchstone.vms'], [{ vm: vm.uuid, action: 'pause' }]);
  });

  it('orders follow a change of what a record says, with a new number', async () => {
    const { host, hostId } = await trustedHost();
    const vm = await vmWith({ onLoss: 'pause' });
    await ask(host, hostId, vm.uuid);
    host.reboot('changed');
    const before = onlyOrders(await report(host, hostId));
    const orders = async () => ordersOf((await giveOrders(fleet.verifier, hostId)).orders);
    assert.equal((await orders())['touchstone.sequence'], before['touchstone.sequence']);
    await fleet.verifier.asAdministrator(`UPDATE vms SET on_loss = 'shutdown' WHERE uuid = $1`, [
      vm.uuid,
    ]);
    const changed = await orders();
    assert.deepEqual(changed['touchstone.vms'], [{ vm: vm.uuid, action: 'shutdown' }]);
    assert.ok(changed['touchstone.sequence'] > before['touchstone.sequence']);
    await fleet.verifier.asAdministrator('DELETE FROM vms WHERE uuid = $1', [vm.uuid]);
    const removed = await orders();
    assert.deepEqual(removed['touchstone.vms'], []);
    assert.ok(removed['touchstone.sequence'] > changed['touchstone.sequence']);
  });

  it('orders after a restore have a number above any that a host may have heard', async () => {
    const { hostId } = await trustedHost();
    const now = fleet.verifier.clock.now();
    await supersedeOrders(fleet.verifier.database, now);
    const orders = ordersOf((await giveOrders(fleet.verifier, hostId)).orders);
    assert.equal(orders['touchstone.sequence'], Math.floor(now.getTime() / 1_000));
  });

  it('a VM is held, however many others the host was permitted to run: G16', async () => {
    const { host, hostId } = await trustedHost();
    const vm = await vmWith({ onLoss: 'no-new-starts' });
    await ask(host, hostId, vm.uuid);
    await fleet.verifier.asAdministrator(
      `WITH many AS (
         INSERT INTO vms (uuid, name, classes, host_labels, images, on_loss)
         SELECT gen_random_uuid(), 'many-' || n, ARRAY['software'], '{}', '{}', 'pause' FROM generate_series(1, 1024) n
         RETURNING uuid)
       INSERT INTO vm_places (vm, host_id, at) SELECT uuid, $1, now() FROM many`,
      [hostId],
    );
    host.reboot('changed');
    const orders = onlyOrders(await report(host, hostId));
    assert.equal(orders['touchstone.vms'].length, 1_024);
    const other = await trustedHost();
    assert.equal(refusalCodes(await ask(other.host, other.hostId, vm.uuid))[0], 'VM_HELD');
  });

  it('a VM is held as it is ordered, which the host names first in the statement that loses it: G16', async () => {
    const { host, hostId, name } = await trustedHost();
    const [there, named] = [
      await vmWith({ onLoss: 'pause' }),
      await vmWith({ onLoss: 'no-new-starts' }),
    ];
    await report(host, hostId, { running: [runningOf(there.uuid)] });
    host.reboot('changed');
    const orders = onlyOrders(await report(host, hostId, { running: [runningOf(named.uuid)] }));
    assert.deepEqual(orders['touchstone.vms'], [{ vm: named.uuid, action: 'no-new-starts' }]);
    assert.equal((await viewStanding(fleet.verifier, named.uuid)).held?.hostName, name);
    for (const { uuid } of [there, named]) {
      assert.equal((await audited('vm.trust-lost', uuid)).length, 1);
    }
    assert.equal(await fleet.alerts('VM_TRUST_LOST', name), 1, 'one, of both');
  });

  it('by silence, nothing is ordered: VMs are shown, and run on', async () => {
    const { host, hostId, name } = await trustedHost();
    const vm = await vmWith({ onLoss: 'shutdown' });
    await ask(host, hostId, vm.uuid);
    await report(host, hostId, { running: [runningOf(vm.uuid)] });
    fleet.verifier.pass(200);
    assert.deepEqual(await codesAt(name), ['GATE_SILENT']);
    await lookAtGate(fleet.verifier);
    await lookAtGate(fleet.verifier);
    assert.equal(await fleet.alerts('GATE_SILENT', name), 1, 'once each time');
    const orders = ordersOf((await giveOrders(fleet.verifier, hostId)).orders);
    assert.equal(orders['touchstone.state'], 'trusted');
    assert.deepEqual(orders['touchstone.vms'], []);
  });

  it('a host that asks for permits and says no more what runs there is silent too', async () => {
    const { host, hostId, name } = await trustedHost();
    const vm = await vmWith();
    await report(host, hostId, { running: [runningOf(vm.uuid)] });
    fleet.verifier.pass(200);
    await ask(host, hostId, vm.uuid);
    const [silent, ...others] = await exposuresAt(name);
    assert.deepEqual([silent?.code, others], ['GATE_SILENT', []]);
    assert.match(silent?.detail ?? '', /^host trusted, but /u);
    await lookAtGate(fleet.verifier);
    await ask(host, hostId, vm.uuid);
    await lookAtGate(fleet.verifier);
    assert.equal(await fleet.alerts('GATE_SILENT', name), 1);
    await report(host, hostId, { running: [runningOf(vm.uuid)] });
    assert.deepEqual(await codesAt(name), []);
  });
});
