import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ObserveClaims, PermitClaims } from '@touchstone/schemas';
import { revokeHost } from '../services/approve-host.ts';
import { viewAlerts } from '../services/alerts.ts';
import { clearVm } from '../services/clear-vm.ts';
import { enforce, observe, viewGate } from '../services/gate-mode.ts';
import { lookAtGate } from '../services/look-at-gate.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { changeQuorum } from '../services/quorum.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { viewStarts } from '../services/vms.ts';
import { claimsOf, useGateFleet } from './support/gate-fleet.ts';
import { BY } from './support/made-fleet.ts';

describe('Observe mode', () => {
  const { fleet, report, ask, vmWith, exposuresAt, licencesIn, audited } = useGateFleet();
  const { secondRequestFor, batchEvidence, trustedHost, newName, refusalCodes } = fleet;

  afterEach(() => enforce(fleet.verifier, BY, { reason: 'the test is over' }));
  const forAll = { seconds: 3_600, labels: {}, reason: 'adopting' };

  it('permits what would be refused, says for what, and shows it', async () => {
    const { host, hostId, name } = await trustedHost();
    host.reboot('changed');
    const vm = await vmWith();
    assert.equal(refusalCodes(await ask(host, hostId, vm.uuid))[0], 'HOST_NOT_TRUSTED');
    await observe(fleet.verifier, BY, forAll);
    const answer = await ask(host, hostId, vm.uuid);
    const permit = fleet.first(answer);
    assert.ok('permit' in permit);
    const claims = claimsOf<PermitClaims>(permit.permit);
    assert.equal(claims['touchstone.observed']?.[0], 'HOST_NOT_TRUSTED');
    assert.equal(permit.keys, undefined);
    assert.equal(answer.state, 'untrusted');
    const observedStart = (await exposuresAt(name)).find(({ code }) => code === 'OBSERVED_START');
    assert.match(observedStart?.detail ?? '', /^request [-0-9a-f]{36}: HOST_NOT_TRUSTED$/u);
    assert.equal((await audited('vm.start.observed', vm.uuid)).length, 1);
    const { starts } = await viewStarts(fleet.verifier, vm.uuid, FIRST_PAGE);
    assert.deepEqual([starts[0]?.decision, starts[0]?.code], ['observed', 'HOST_NOT_TRUSTED']);
    const observed = claimsOf<ObserveClaims>((await report(host, hostId)).mandates?.observe ?? '');
    assert.equal(observed.aud, host.akName);
    // A start that was only observed is the ground of no licence.
    assert.deepEqual(licencesIn(answer), []);
  });

  it('permits VMs that nobody registered yet', async () => {
    const { host, hostId } = await trustedHost();
    await observe(fleet.verifier, BY, forAll);
    assert.ok('permit' in fleet.first(await ask(host, hostId, randomUUID())));
  });

  it('moves no VM to a host that nobody admitted, and says nothing of it', async () => {
    const there = await trustedHost();
    const vm = await vmWith({ failMode: { mode: 'allow-and-flag' } });
    await ask(there.host, there.hostId, vm.uuid);
    await observe(fleet.verifier, BY, forAll);
    const stranger = fleet.newHost();
    const { hostId } = await fleet.enrol(stranger, newName());
    assert.ok('permit' in fleet.first(await ask(stranger, hostId, vm.uuid)));
    assert.equal(licencesIn(await report(there.host, there.hostId)).length, 1);
    const rows = await fleet.verifier.asAdministrator('SELECT FROM exposures WHERE host_id = $1', [
      hostId,
    ]);
    assert.deepEqual(rows, []);
    const other = await trustedHost();
    const asked = [secondRequestFor(vm.uuid, { operation: 'migrate' })];
    const evidence = batchEvidence(other.host, other.hostId, asked);
    const answer = fleet.first(await takePermitRequest(fleet.verifier, evidence));
    assert.ok('permit' in answer);
    assert.equal(claimsOf<PermitClaims>(answer.permit)['touchstone.observed'], undefined);
  });

  it('never permits a VM with a sealed disk, nor on a revoked host', async () => {
    const { host, hostId, name } = await trustedHost();
    const sealed = await vmWith({ disks: [{ name: 'vdb', kind: 'sealed' }] });
    host.reboot('changed');
    await observe(fleet.verifier, BY, forAll);
    assert.ok(refusalCodes(await ask(host, hostId, sealed.uuid)).includes('HOST_NOT_TRUSTED'));
    await revokeHost(fleet.verifier, BY, name, { reason: 'stolen' });
    const vm = await vmWith();
    assert.ok(refusalCodes(await ask(host, hostId, vm.uuid)).includes('HOST_REVOKED'));
    assert.equal((await report(host, hostId)).mandates?.observe, null);
  });

  it('is for hosts with its labels alone, and ends by itself and by one person', async () => {
    const { host, hostId } = await trustedHost();
    await observe(fleet.verifier, BY, { ...forAll, labels: { rack: 'a' } });
    assert.equal((await report(host, hostId)).mandates?.observe, null);
    await observe(fleet.verifier, BY, forAll);
    assert.notEqual((await report(host, hostId)).mandates?.observe, null);
    fleet.verifier.pass(forAll.seconds);
    assert.equal((await viewGate(fleet.verifier)).mode, 'enforce');
    await lookAtGate(fleet.verifier);
    assert.match((await audited('gate.enforce', 'gate')).at(-1)?.detail ?? '', /time was up/u);
    const { alerts } = await viewAlerts(fleet.verifier, { all: false });
    assert.ok(!alerts.some(({ code }) => code === 'OBSERVE_MODE'));
    assert.equal((await report(host, hostId)).mandates?.observe, null);
    await observe(fleet.verifier, BY, forAll);
    assert.equal((await enforce(fleet.verifier, BY, { reason: 'done' })).mode, 'enforce');
  });

  it('and the release of a held VM take two people where the quorum is 2', async () => {
    const { host, hostId } = await trustedHost();
    const vm = await vmWith({ onLoss: 'no-new-starts' });
    await ask(host, hostId, vm.uuid);
    host.reboot('changed');
    await report(host, hostId);
    const second = { ...BY, id: randomUUID(), name: 'petra', person: 'petra' };
    for (const { id, name, person, roles } of [BY, second]) {
      await fleet.verifier.asAdministrator(
        `INSERT INTO api_tokens (id, name, person, roles, secret_hash)
         VALUES ($1::uuid, $2, $3, $4, sha256($2::text::bytea)) ON CONFLICT DO NOTHING`,
        [id, name, person, roles],
      );
    }
    await changeQuorum(fleet.verifier, BY, { quorum: 2 });
    try {
      const waiting = { code: 'QUORUM_WAITING' };
      await assert.rejects(observe(fleet.verifier, BY, forAll), waiting);
      assert.equal((await viewGate(fleet.verifier)).mode, 'enforce');
      assert.equal((await observe(fleet.verifier, second, forAll)).mode, 'observe');
      const cleared = { reason: 'looked at' };
      await assert.rejects(clearVm(fleet.verifier, BY, vm.uuid, cleared), waiting);
      await clearVm(fleet.verifier, second, vm.uuid, cleared);
      await assert.rejects(clearVm(fleet.verifier, BY, vm.uuid, cleared), {
        code: 'VM_NOT_HELD',
      });
    } finally {
      await fleet.verifier.asAdministrator('UPDATE deployment SET quorum = 1');
    }
  });
});
