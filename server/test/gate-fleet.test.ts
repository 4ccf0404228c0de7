import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GateReport } from '@touchstone/schemas';
import { viewAlerts } from '../services/alerts.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { viewRefusals } from '../services/vm-standings.ts';
import { viewStarts } from '../services/vms.ts';
import { AT, useGateFleet } from './support/gate-fleet.ts';

describe('The start gate of a fleet', () => {
  const { fleet, report, ask, vmWith, runningOf, codesAt, audited } = useGateFleet();
  const { trustedHost, newName } = fleet;

  describe('what a host tells of it', () => {
    it('is shown, alerted and audited when it begins and when it ends, and once each', async () => {
      const { host, hostId, name } = await trustedHost();
      const vm = await vmWith();
      const exposures = [
        {
          code: 'HOOK_MISSING',
          subject: '/etc/libvirt/hooks/qemu',
          detail: 'no file',
          vm: null,
          since: AT,
        },
        { code: 'MADE_UP', subject: 'anything', detail: 'x', vm: vm.uuid, since: AT },
      ];
      const gate = { running: [runningOf(vm.uuid)], exposures };
      await report(host, hostId, gate);
      await report(host, hostId, gate);
      assert.deepEqual((await codesAt(name)).toSorted(), ['HOOK_MISSING', 'MADE_UP']);
      assert.equal(await fleet.alerts('HOOK_MISSING', name), 1);
      assert.equal(await fleet.alerts('EXPOSURE_UNKNOWN', name), 1, 'a code that nobody knows');
      assert.equal((await audited('exposure.change', name)).length, 1);
      const { alerts } = await viewAlerts(fleet.verifier, { all: false });
      const told = alerts.find(({ code, subject }) => code === 'HOOK_MISSING' && subject === name);
      assert.match(told?.remedy ?? '', /install-hook/u);

      await report(host, hostId, { running: [runningOf(vm.uuid)] });
      assert.deepEqual(await codesAt(name), []);
      const [, over] = await audited('exposure.change', name);
      assert.match(over?.detail ?? '', /ended: .*HOOK_MISSING/u);
    });

    it('stays, though the VM is permitted elsewhere', async () => {
      const [{ host, hostId, name }, other] = [await trustedHost(), await trustedHost()];
      const { uuid: vm } = await vmWith();
      const exposures = [
        { code: 'VM_WITHOUT_PERMIT', subject: 'VM web', detail: 'by hand', vm, since: AT },
      ];
      await report(host, hostId, { running: [runningOf(vm)], exposures });
      assert.ok('permit' in fleet.first(await ask(other.host, other.hostId, vm)));
      assert.deepEqual(await codesAt(name), ['VM_WITHOUT_PERMIT']);
    });

    it('writes nothing when it is as before, and all of it goes when nothing is told', async () => {
      const { host, hostId } = await trustedHost();
      const vm = await vmWith();
      await report(host, hostId, { running: [runningOf(vm.uuid)] });
      const rows = () =>
        fleet.verifier.asAdministrator('SELECT xmin::text FROM running_vms WHERE host_id = $1', [
          hostId,
        ]);
      const before = await rows();
      await report(host, hostId, { running: [runningOf(vm.uuid)] });
      assert.deepEqual(await rows(), before);
      await report(host, hostId);
      assert.deepEqual(await rows(), []);
    });

    it('costs no verdict, whatever its texts and times are', async () => {
      const { host, hostId, name } = await trustedHost();
      const told = { ...runningOf(randomUUID()), name: '𝕏'.repeat(64) };
      const running = ['2026-99-99T99:99:99Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z'].map(
        (since) => ({ ...told, since }),
      );
      const subject = '𝕏'.repeat(128);
      const exposures = [{ code: 'HOOK_MISSING', subject, detail: '', vm: null, since: AT }];
      const decided = [
        { requestId: randomUUID(), vm: randomUUID(), decision: 'refused', code: 'X_X', at: AT },
      ] as const;
      const answer = await report(host, hostId, { running, exposures, decided: [...decided] });
      assert.equal(answer.state, 'trusted');
      assert.deepEqual(await codesAt(name), ['HOOK_MISSING']);
    });

    it('is not heard of a host that nobody admitted', async () => {
      const host = fleet.newHost();
      const { hostId } = await fleet.enrol(host, newName());
      await report(host, hostId, { running: [runningOf(randomUUID())] });
      const rows = await fleet.verifier.asAdministrator(
        'SELECT FROM running_vms WHERE host_id = $1',
        [hostId],
      );
      assert.deepEqual(rows, []);
    });

    it('with decisions made alone, is in the VM’s starts under the same id, once', async () => {
      const { host, hostId, name } = await trustedHost();
      const vm = await vmWith();
      const [refused, licensed] = [randomUUID(), randomUUID()];
      const decided: GateReport['decided'] = [
        {
          requestId: refused,
          vm: vm.uuid,
          decision: 'refused',
          code: 'SERVER_UNREACHABLE',
          at: AT,
        },
        {
          requestId: licensed,
          vm: vm.uuid,
          decision: 'licensed',
          code: 'SERVER_UNREACHABLE',
          at: AT,
        },
      ];
      await report(host, hostId, { decided });
      await report(host, hostId, { decided, running: [runningOf(vm.uuid)] });
      const { starts } = await viewStarts(fleet.verifier, vm.uuid, FIRST_PAGE);
      const told = new Map(starts.map((start) => [start.requestId, start]));
      assert.equal(starts.length, 2);
      assert.equal(told.get(refused)?.decision, 'refused');
      assert.equal(told.get(licensed)?.decision, 'licensed');
      assert.ok(starts.every((start) => start.told === true && start.definitionDigest === null));
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
      assert.equal((await audited('vm.start.licensed', vm.uuid)).length, 1);
      const { refusals } = await viewRefusals(fleet.verifier, FIRST_PAGE);
      assert.equal(refusals.find(({ requestId }) => requestId === refused)?.told, true);
      // A permit that was deserved ends what was said of the start before.
      assert.ok('permit' in fleet.first(await ask(host, hostId, vm.uuid)));
      assert.deepEqual(await codesAt(name), []);
    });
  });
});
