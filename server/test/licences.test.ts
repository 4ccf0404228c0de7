import assert from 'node:assert/strict';
import type { Vm } from '@touchstone/schemas';
import { attack } from '../../test/support/attack.ts';
import { useGateFleet } from './support/gate-fleet.ts';

describe('Licences for VMs of a fleet', () => {
  const { fleet, report, ask, vmWith, licencesIn } = useGateFleet();
  const { attest, trustedHost } = fleet;

  const FLAGGED = { failMode: { mode: 'allow-and-flag' } } as const;

  it('are for the boot, the clock and the definition of the latest permit', async () => {
    const { host, hostId } = await trustedHost();
    const flagged = await vmWith(FLAGGED);
    const timed = await vmWith({ failMode: { mode: 'allow-if-attested-within', seconds: 600 } });
    const strict = await vmWith();
    for (const vm of [flagged, timed, strict]) await ask(host, hostId, vm.uuid);
    const licences = licencesIn(await report(host, hostId));
    const of = (vm: Vm) => licences.find((claims) => claims['touchstone.vm'] === vm.uuid);
    assert.equal(licences.length, 2);
    assert.equal(of(flagged)?.['touchstone.until'], null);
    assert.equal(of(timed)?.['touchstone.until'], String(host.boot.clock + 600_000n));
    assert.equal(of(timed)?.['touchstone.definition'], 'd'.repeat(64));
    assert.equal(of(timed)?.aud, host.akName);
    assert.equal(of(timed)?.['touchstone.boot'].resetCount, host.boot.resetCount);
  });

  it('end with a change of the record, with a permit elsewhere and with the record: G19', () =>
    attack('G19', async () => {
      const [one, other] = [await trustedHost(), await trustedHost()];
      const [changed, moved, gone] = [
        await vmWith(FLAGGED),
        await vmWith(FLAGGED),
        await vmWith(FLAGGED),
      ];
      for (const vm of [changed, moved, gone]) await ask(one.host, one.hostId, vm.uuid);
      assert.equal(licencesIn(await report(one.host, one.hostId)).length, 3);
      await ask(other.host, other.hostId, moved.uuid);
      await fleet.verifier.asAdministrator('DELETE FROM vms WHERE uuid = $1', [gone.uuid]);
      await fleet.verifier.asAdministrator(`UPDATE vms SET images = '{}' WHERE uuid = $1`, [
        changed.uuid,
      ]);
      assert.deepEqual(licencesIn(await report(one.host, one.hostId)), []);
      const [there] = licencesIn(await report(other.host, other.hostId));
      assert.equal(there?.['touchstone.vm'], moved.uuid);
      return { outcome: 'HOLDS' };
    }));

  it('are not given with a negative verdict, nor in the bad boot after it: G27', async () => {
    const { host, hostId } = await trustedHost();
    const vm = await vmWith(FLAGGED);
    await ask(host, hostId, vm.uuid);
    host.reboot('changed');
    assert.deepEqual(licencesIn(await report(host, hostId)), []);
    host.boot.file = 'good';
    const answer = await report(host, hostId);
    assert.equal(answer.verdict, 'warning');
    assert.deepEqual(licencesIn(answer), []);
    host.reboot('good');
    assert.equal(licencesIn(await report(host, hostId)).length, 1, 'of the new boot');
  });

  it('and nothing else come to statements of the first version', async () => {
    const { host, hostId } = await trustedHost();
    assert.equal((await attest(host, hostId)).mandates, undefined);
  });
});
