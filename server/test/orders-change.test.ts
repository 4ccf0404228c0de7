import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { OrdersClaims } from '@touchstone/schemas';
import { readJws } from '../../test/support/jws.ts';
import { enforce, observe } from '../services/gate-mode.ts';
import { giveOrders } from '../services/mandates.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { changeVm } from '../services/change-vm.ts';
import { registerVm, viewVm } from '../services/vms.ts';
import { announceCarriers } from '../store/carriers.ts';
import { BY, useFleet } from './support/made-fleet.ts';

describe('Of a host that is not trusted', () => {
  const fleet = useFleet();

  it('orders that name another VM have another number: a report, and an observed start', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const paused = async () => {
      const vm = { uuid: randomUUID(), name: fleet.newName(), classes: ['software' as const] };
      const record = { ...vm, hostLabels: {}, images: [], onLoss: 'pause' as const };
      return (await registerVm(fleet.verifier, BY, record)).uuid;
    };
    const orders = async () => {
      const { orders: jws } = await giveOrders(fleet.verifier, hostId);
      const claims = readJws(jws).claims as OrdersClaims;
      const vms = claims['touchstone.vms'].map(({ vm }) => vm).toSorted();
      return { vms, sequence: claims['touchstone.sequence'] };
    };
    const [told, observed] = [await paused(), await paused()];
    host.reboot('changed');
    await fleet.attest(host, hostId);
    const first = await orders();
    assert.deepEqual(first.vms, []);

    const of = { name: 'web', door: null, permit: null, paused: false } as const;
    const running = [{ ...of, vm: told, since: '2026-01-01T00:00:00Z' }];
    const second = { gate: { running, exposures: [], decided: [], omitted: 0 } };
    const challenge = fleet.challengeFor(host, 'attest');
    const evidence = host.answer({ purpose: 'attest', challenge, hostId, second });
    await takeAttestation(fleet.verifier, evidence);
    const then = await orders();
    assert.deepEqual(then.vms, [told]);
    assert.ok(then.sequence > first.sequence);

    await observe(fleet.verifier, BY, { seconds: 3_600, labels: {}, reason: 'adopting' });
    try {
      const asked = [fleet.secondRequestFor(observed)];
      const permits = fleet.batchEvidence(host, hostId, asked);
      assert.ok('permit' in fleet.first(await takePermitRequest(fleet.verifier, permits)));
    } finally {
      await enforce(fleet.verifier, BY, { reason: 'done' });
    }
    const last = await orders();
    assert.deepEqual(last.vms, [told, observed].toSorted());
    assert.ok(last.sequence > then.sequence);
  });

  it('and of a VM that carries a server: its record is not changed', async () => {
    const uuid = await fleet.registeredVm();
    const { clock, database } = fleet.verifier;
    await announceCarriers(database, [uuid], clock.now());
    const record = await viewVm(fleet.verifier, uuid);
    await assert.rejects(changeVm(fleet.verifier, BY, uuid, { ...record, onLoss: 'pause' }), {
      code: 'VM_CARRIES_TOUCHSTONE',
    });
  });
});
