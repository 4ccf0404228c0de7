import assert from 'node:assert/strict';
import { retireBaselines } from '../services/retire-baselines.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { appendAudit } from '../store/audit.ts';
import { lockHost } from '../store/hosts.ts';
import { BY, useFleet } from './support/made-fleet.ts';

describe('What is done to hosts and VMs at the same time', () => {
  const fleet = useFleet();

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
});
