import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Vm } from '@touchstone/schemas';
import { keepCarriers, ownUuid } from '../services/carriers.ts';
import { requireChallenge } from '../services/give-challenge.ts';
import { giveStartPlans } from '../services/start-plans.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { registerVm, viewVm } from '../services/vms.ts';
import { announceCarriers } from '../store/carriers.ts';
import { BY, useFleet } from './support/made-fleet.ts';

describe("A VM's record", () => {
  const fleet = useFleet();
  const record = (more: Partial<Vm> = {}): Vm => ({
    ...{ uuid: randomUUID(), name: fleet.newName(), classes: ['software'] },
    ...{ hostLabels: {}, images: [], ...more },
  });

  it('keeps its disks, its fail mode and what happens on loss of trust', async () => {
    const vm = record({
      disks: [{ name: 'vdb', kind: 'data' }],
      failMode: { mode: 'allow-if-attested-within', seconds: 3_600 },
      onLoss: 'pause',
    });
    assert.deepEqual(await registerVm(fleet.verifier, BY, vm), vm);
    assert.deepEqual(await viewVm(fleet.verifier, vm.uuid), vm);
  });

  it('does not say what is so anyway', async () => {
    const vm = record();
    const said = {
      ...vm,
      warnings: 'accept',
      failMode: { mode: 'refuse' },
      onLoss: 'flag',
    } as const;
    assert.deepEqual(await registerVm(fleet.verifier, BY, said), vm);
  });

  it('with a sealed disk has only the fail mode refuse: VM_SEALED_REFUSES', async () => {
    const vm = record({
      disks: [{ name: 'vdb', kind: 'sealed' }],
      failMode: { mode: 'allow-and-flag' },
    });
    await assert.rejects(registerVm(fleet.verifier, BY, vm), { code: 'VM_SEALED_REFUSES' });
    const { failMode, ...refusing } = vm;
    void failMode;
    assert.deepEqual(await registerVm(fleet.verifier, BY, refusing), refusing);
  });

  it('names no disk twice: VM_DISK_TWICE', async () => {
    const vm = record({
      disks: [
        { name: 'vdb', kind: 'sealed' },
        { name: 'vdb', kind: 'data' },
      ],
    });
    await assert.rejects(registerVm(fleet.verifier, BY, vm), { code: 'VM_DISK_TWICE' });
  });

  it('says in a plan which disks need not be read, to a host that is known: HOST_UNKNOWN', async () => {
    const disks: Vm['disks'] = [
      { name: 'vdb', kind: 'data' },
      { name: 'vdc', kind: 'sealed' },
    ];
    const vm = await registerVm(fleet.verifier, BY, record({ disks }));
    const { host } = await fleet.trustedHost();
    const unknown = randomUUID();
    const asked = { akName: host.akName, vms: [unknown, vm.uuid] };
    assert.deepEqual(await giveStartPlans(fleet.verifier, asked), {
      plans: [
        { vm: unknown, known: false, disks: [] },
        { vm: vm.uuid, known: true, disks },
      ],
    });
    const { challenge: given } = await giveStartPlans(fleet.verifier, {
      ...asked,
      challenge: true,
    });
    const { challenge, bundleEpoch, renew } = given ?? assert.fail();
    const expected = {
      akName: host.akName,
      purpose: 'permit',
      now: fleet.verifier.clock.now(),
    } as const;
    assert.ok(requireChallenge(fleet.verifier, challenge, expected) <= expected.now);
    assert.deepEqual([bundleEpoch, renew], [fleet.verifier.bundles.current().epoch, undefined]);
    const stranger = { ...asked, challenge: true as const, akName: `000b${'00'.repeat(32)}` };
    await assert.rejects(giveStartPlans(fleet.verifier, stranger), { code: 'HOST_UNKNOWN' });
  });

  it('is not made for a VM that carries a server, and none is permitted: VM_CARRIES_TOUCHSTONE', async () => {
    const { database, clock } = fleet.verifier;
    const { host, hostId, vm } = await fleet.vmOfTrusted();
    const other = record();
    await keepCarriers({ database, clock }, [vm, other.uuid, vm], {
      signal: AbortSignal.abort(),
      onFailure: (error) => assert.fail(String(error)),
    });
    await assert.rejects(registerVm(fleet.verifier, BY, other), { code: 'VM_CARRIES_TOUCHSTONE' });
    const asked = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
    const answer = await takePermitRequest(fleet.verifier, asked);
    assert.deepEqual(fleet.refusalCodes(answer), ['VM_CARRIES_TOUCHSTONE']);
    await announceCarriers(database, [], new Date(clock.now().getTime() + 3 * 86_400_000));
    await registerVm(fleet.verifier, BY, other);
  });

  it("learns a machine's uuid where it may be read", async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ts-dmi-'));
    try {
      const path = join(directory, 'product_uuid');
      assert.deepEqual(await ownUuid(path), []);
      await writeFile(path, 'B1C2D3E4-0000-4000-8000-000000000001\n');
      assert.deepEqual(await ownUuid(path), ['b1c2d3e4-0000-4000-8000-000000000001']);
      await writeFile(path, 'Not Settable\n');
      assert.deepEqual(await ownUuid(path), []);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
