import assert from 'node:assert/strict';
import { approveBaselines } from '../services/approve-baselines.ts';
import { approveHost } from '../services/approve-host.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import { viewHosts } from '../services/host-views.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { lockHost } from '../store/hosts.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { addCopiesOf } from './support/more-hosts.ts';
import { makeHost } from './support/made-host.ts';

describe('A host: is held against baselines', () => {
  const fleet = useFleet();
  const { newName, joinToken, enrol, attest, stateOf, trustedHost } = fleet;

  /** Drafts, as the next version of a name, what another host measured. */
  async function draftOther(name: string) {
    const other = makeHost();
    other.boot.file = 'other';
    const { hostId } = await enrol(other, newName(), await joinToken());
    await captureBaseline(fleet.verifier, BY, hostId, { name, labels: {}, acceptUnverified: true });
  }

  it('P2 of which a malformed one is refused at upload, with its line', async () => {
    const yaml = 'kind: baseline\npart: runtime\nname: x\nversion: 1\nwhatever: 1\n';
    await assert.rejects(
      draftBaselines(fleet.verifier, BY, yaml),
      (error: { code: string; status: number }) => {
        assert.match(error.code, /^BASELINE_/u);
        assert.equal(error.status, 422);
        return true;
      },
    );
  });

  it('of which a drafted version never changes: BASELINE_VERSION_EXISTS', async () => {
    const { name } = await trustedHost();
    const [record] = (await captureBaseline(fleet.verifier, BY, name, { name: newName() }))
      .baselines;
    assert.ok(record !== undefined);
    const again = await draftBaselines(fleet.verifier, BY, record.yaml);
    assert.equal(again.baselines[0]?.yaml, record.yaml);
    const changed = record.yaml.replaceAll('agent.json', 'agent.yaml');
    assert.notEqual(changed, record.yaml);
    await assert.rejects(draftBaselines(fleet.verifier, BY, changed), {
      code: 'BASELINE_VERSION_EXISTS',
    });
  });

  it('P10 that are not captured from a host that is not trusted, unless said twice', async () => {
    const host = makeHost();
    const { hostId } = await enrol(host, newName(), await joinToken());
    await assert.rejects(captureBaseline(fleet.verifier, BY, hostId, { name: newName() }), {
      code: 'HOST_NOT_VERIFIED',
    });
  });

  it('of which a new version takes the place of the old', async () => {
    const { host, hostId, name } = await trustedHost();
    host.reboot('new');
    assert.equal((await attest(host, hostId)).state, 'untrusted');
    await captureBaseline(fleet.verifier, BY, hostId, { name, acceptUnverified: true });
    const approved = await approveBaselines(fleet.verifier, BY, name, {});
    assert.deepEqual(
      approved.baselines.map(({ baseline }) => baseline.version),
      [2],
    );
    assert.equal((await stateOf(hostId)).state, 'trusted');
    await assert.rejects(approveBaselines(fleet.verifier, BY, name, {}), {
      code: 'BASELINE_NO_DRAFT',
    });
  });

  it('of which those count that hold when its evidence is taken, and not when it came', async () => {
    const { host, hostId, name, vm } = await fleet.vmOfTrusted();
    await draftOther(name);
    host.reboot('good');
    const evidence = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
    const [approval, permit] = await fleet.verifier.database.transaction(async (on) => {
      await lockHost(on, hostId);
      const approving = approveBaselines(fleet.verifier, BY, name, {});
      await fleet.waitingForLocks(1);
      const asking = takePermitRequest(fleet.verifier, evidence);
      await fleet.waitingForLocks(2);
      return [approving, asking] as const;
    });
    await approval;
    assert.ok(fleet.refusalCodes(await permit).includes('HOST_NOT_TRUSTED'));
    assert.equal((await stateOf(hostId)).state, 'untrusted');
  });

  it('P6 of which none is missed while the host is only just being approved', async () => {
    const { name } = await trustedHost();
    await draftOther(name);
    const host = makeHost();
    const { hostId } = await enrol(host, newName());
    const approval = { akName: host.akName, classes: ['software' as const] };
    const both = await fleet.verifier.database.transaction(async (on) => {
      await lockHost(on, hostId);
      const approvingHost = approveHost(fleet.verifier, BY, hostId, approval);
      await fleet.waitingForLocks(1);
      const approvingPolicy = approveBaselines(fleet.verifier, BY, name, {});
      await fleet.waitingForLocks(2);
      return [approvingHost, approvingPolicy] as const;
    });
    await Promise.all(both);
    assert.equal((await stateOf(hostId)).state, 'untrusted');
  });

  it('however many hosts strangers bring, that wait for a person', async () => {
    const { hostId, name } = await trustedHost();
    const { hostId: pending } = await enrol(makeHost(), newName());
    await addCopiesOf(fleet.verifier.asAdministrator, pending, {
      ...{ from: 1, to: 1000 },
      changed: `jsonb_build_object(
        'id', gen_random_uuid(), 'name', '0-' || n, 'ek_ref', 'r' || n, 'ak_name', 'n' || n)`,
    });
    try {
      const { hosts } = await viewHosts(fleet.verifier, FIRST_PAGE);
      assert.ok(hosts.some(({ id }) => id === hostId));
      await draftOther(name);
      await approveBaselines(fleet.verifier, BY, name, {});
      assert.equal((await stateOf(hostId)).state, 'untrusted');
    } finally {
      await fleet.verifier.asAdministrator(`DELETE FROM hosts WHERE name LIKE '0-%'`);
    }
  });
});
