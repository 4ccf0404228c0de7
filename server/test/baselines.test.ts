import assert from 'node:assert/strict';
import { approveBaselines } from '../services/approve-baselines.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

describe('A host: is held against baselines', () => {
  const fleet = useFleet();
  const { newName, joinToken, enrol, attest, stateOf, trustedHost } = fleet;

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
});
