import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  GateReport,
  LicenceClaims,
  OrdersClaims,
  StartRequest,
  Vm,
} from '@touchstone/schemas';
import { readJws } from '../../test/support/jws.ts';
import { approveReplacement, viewReplacements } from '../services/decide-replacement.ts';
import { viewExposures } from '../services/exposures.ts';
import { listAuditLog } from '../services/lists.ts';
import { giveOrders } from '../services/mandates.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { viewStandings } from '../services/vm-standings.ts';
import { registerVm, viewStarts } from '../services/vms.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost, type MadeHost } from './support/made-host.ts';

const AT = '2026-01-01T00:00:00.000Z';

type Stands = { readonly host: MadeHost; readonly hostId: string; readonly name: string };

describe('VMs of a host that another identity takes the place of', () => {
  const fleet = useFleet();

  const vmWith = async (more: Partial<Vm> = {}) => {
    const uuid = randomUUID();
    const bare = { uuid, name: fleet.newName(), classes: ['software' as const] };
    await registerVm(fleet.verifier, BY, { ...bare, hostLabels: {}, images: [], ...more });
    return { uuid, name: bare.name };
  };
  const runs = (vm: string) =>
    ({ vm, name: 'web', door: null, permit: null, paused: false, since: AT }) as const;
  const tell = ({ host, hostId }: Stands, told: Partial<GateReport>) => {
    const gate = { running: [], exposures: [], decided: [], omitted: 0, ...told };
    const challenge = fleet.challengeFor(host, 'attest');
    const said = { purpose: 'attest' as const, challenge, hostId, second: { gate } };
    return takeAttestation(fleet.verifier, host.answer(said));
  };
  const report = (host: Stands, vms: readonly string[] = []) =>
    tell(host, { running: vms.map(runs) });
  const ask = ({ host, hostId }: Stands, vm: string, more: Partial<StartRequest> = {}) =>
    takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, [fleet.secondRequestFor(vm, more)]),
    );
  const permitted = async (...asked: Parameters<typeof ask>) =>
    assert.ok('permit' in fleet.first(await ask(...asked)));
  const refused = async (code: string, ...asked: Parameters<typeof ask>) =>
    assert.equal(fleet.refusalCodes(await ask(...asked))[0], code);
  const mandatesOf = async (host: Stands, vms: readonly string[] = []) => {
    const { mandates } = await report(host, vms);
    assert.ok(mandates !== undefined);
    return {
      licensed: mandates.licences.map(
        (jws) => (readJws(jws).claims as LicenceClaims)['touchstone.vm'],
      ),
      orders: (readJws(mandates.orders ?? '').claims as OrdersClaims)['touchstone.vms'],
    };
  };
  const standingOf = async ({ uuid }: { readonly uuid: string }) =>
    (await viewStandings(fleet.verifier, FIRST_PAGE)).vms.find((vm) => vm.uuid === uuid);
  /** `next` in the place of the identity that is recorded. */
  const replacedBy = async ({ name, hostId }: Stands, next: MadeHost): Promise<Stands> => {
    await assert.rejects(fleet.enrol(next, name));
    const { replacements } = await viewReplacements(fleet.verifier);
    const offer = replacements.find(({ offered }) => offered.akName === next.akName);
    assert.ok(offer !== undefined);
    const approval = { akName: next.akName, classes: ['software' as const] };
    await approveReplacement(fleet.verifier, BY, offer.id, approval);
    return { host: next, hostId, name };
  };
  const FLAGGED = { failMode: { mode: 'allow-and-flag' } } as const;

  it('a VM that is held stays so, whatever the new machine proves', async () => {
    const before = await fleet.trustedHost();
    const vm = await vmWith({ onLoss: 'no-new-starts' });
    await permitted(before, vm.uuid);
    before.host.reboot('changed');
    await report(before);
    const after = await replacedBy(before, makeHost());
    assert.equal((await report(after)).state, 'trusted');
    await refused('VM_HELD', after, vm.uuid);
    assert.equal((await standingOf(vm))?.held?.hostName, before.name);
  });

  it('where the new machine is not trusted and the one before was, its VMs are held', async () => {
    const before = await fleet.trustedHost();
    const vm = await vmWith({ onLoss: 'no-new-starts' });
    await permitted(before, vm.uuid);
    const next = makeHost();
    next.reboot('bad');
    const after = await replacedBy(before, next);
    assert.notEqual((await standingOf(vm))?.held, null);
    assert.deepEqual((await mandatesOf(after)).orders, []);
  });

  it('permits of the machine before license nothing, and what it told is gone', async () => {
    const before = await fleet.trustedHost();
    const vm = await vmWith(FLAGGED);
    await permitted(before, vm.uuid, { operation: 'restore', savedState: null });
    assert.deepEqual((await mandatesOf(before, [vm.uuid])).licensed, [vm.uuid]);
    const after = await replacedBy(before, makeHost());
    const standing = await standingOf(vm);
    assert.deepEqual([standing?.running, standing?.place], [[], null]);
    const { exposures } = await viewExposures(fleet.verifier, FIRST_PAGE, before.name);
    assert.deepEqual(exposures, []);
    assert.deepEqual((await mandatesOf(after)).licensed, []);
    assert.equal((await viewStarts(fleet.verifier, vm.uuid, FIRST_PAGE)).starts.length, 1);
    const { entries } = await listAuditLog(fleet.verifier, FIRST_PAGE);
    const line = entries.find(
      ({ action, subject }) => action === 'host.replace' && subject === before.name,
    );
    assert.match(
      line?.detail ?? '',
      new RegExp(`may run on the machine of before: ${vm.name}$`, 'u'),
    );
    await permitted(after, vm.uuid);
    assert.deepEqual((await mandatesOf(after)).licensed, [vm.uuid]);
  });

  it('the new machine neither takes back a start of the one before nor runs a VM by its permit', async () => {
    const before = await fleet.trustedHost();
    const vm = await vmWith();
    const { requestId } = fleet.first(await ask(before, vm.uuid));
    const [start] = await fleet.verifier.asAdministrator(
      'SELECT permit_id FROM starts WHERE request_id = $1',
      [requestId],
    );
    const running = [{ ...runs(vm.uuid), permit: String(start?.['permit_id']) }];
    const groundsAt = async (host: Stands) => {
      const taken = { requestId, vm: vm.uuid, decision: 'refused' as const, at: AT };
      await tell(host, { running, decided: [{ ...taken, code: 'DOMAIN_DIFFERS' }] });
      return (await standingOf(vm))?.running.map(({ ground }) => ground);
    };
    await tell(before, { running });
    assert.equal((await standingOf(vm))?.running[0]?.ground, 'permit');
    // Nor does any other host run it by that, nor this one another VM.
    const [other, another] = [await fleet.trustedHost(), await vmWith()];
    await tell(other, { running });
    assert.deepEqual((await standingOf(vm))?.running.map(({ ground }) => ground).toSorted(), [
      null,
      'permit',
    ]);
    await tell(other, {});
    await tell(before, { running: [{ ...running[0]!, vm: another.uuid }] });
    assert.equal((await standingOf(another))?.running[0]?.ground, null);
    const after = await replacedBy(before, makeHost());
    assert.deepEqual(await groundsAt(after), [null]);
    const { starts } = await viewStarts(fleet.verifier, vm.uuid, FIRST_PAGE);
    assert.deepEqual(
      starts.map(({ decision }) => decision),
      ['permitted'],
    );
  });

  it('a loss of trust of the new machine says nothing of VMs of the one before', async () => {
    const before = await fleet.trustedHost();
    const [old, own] = [await vmWith({ onLoss: 'pause' }), await vmWith({ onLoss: 'pause' })];
    for (const { uuid } of [old, own]) await permitted(before, uuid);
    const after = await replacedBy(before, makeHost());
    await permitted(after, own.uuid);
    after.host.reboot('changed');
    assert.deepEqual((await mandatesOf(after)).orders, [{ vm: own.uuid, action: 'pause' }]);
  });

  it('orders to the new machine name none of them, and have a number of their own', async () => {
    const before = await fleet.trustedHost();
    const vm = await vmWith({ onLoss: 'pause' });
    await permitted(before, vm.uuid);
    before.host.reboot('changed');
    await report(before);
    const orders = async () => {
      const { orders: jws } = await giveOrders(fleet.verifier, before.hostId);
      return readJws(jws).claims as OrdersClaims;
    };
    const told = await orders();
    assert.deepEqual(told['touchstone.vms'], [{ vm: vm.uuid, action: 'pause' }]);
    const next = makeHost();
    next.reboot('bad');
    await replacedBy(before, next);
    const then = await orders();
    assert.deepEqual([then['touchstone.state'], then['touchstone.vms']], ['untrusted', []]);
    assert.ok(then['touchstone.sequence'] > told['touchstone.sequence']);
  });

  it('G28 no VM is migrated from the machine before: what the new one proves is not of it', async () => {
    const [before, other] = [await fleet.trustedHost(), await fleet.trustedHost()];
    const vm = await vmWith();
    await permitted(other, vm.uuid);
    await permitted(before, vm.uuid);
    const after = await replacedBy(before, makeHost());
    assert.equal((await report(after)).state, 'trusted');
    const migrate = { operation: 'migrate' } as const;
    const third = await fleet.trustedHost();
    await refused('MIGRATION_SOURCE_UNKNOWN', third, vm.uuid, migrate);
    await refused('MIGRATION_SOURCE_UNKNOWN', after, vm.uuid, migrate);
    await permitted(after, vm.uuid);
    await permitted(third, vm.uuid, migrate);
  });

  it('under another AK of the same TPM they are where they were, and not licensed until permitted again', async () => {
    const before = await fleet.trustedHost();
    const vm = await vmWith({ ...FLAGGED, onLoss: 'pause' });
    await permitted(before, vm.uuid);
    const after = await replacedBy(before, makeHost({ ek: before.host.ek }));
    assert.equal((await standingOf(vm))?.place?.hostName, before.name);
    assert.deepEqual((await mandatesOf(after)).licensed, []);
    await permitted(await fleet.trustedHost(), vm.uuid, { operation: 'migrate' });
    await permitted(after, vm.uuid);
    assert.deepEqual((await mandatesOf(after)).licensed, [vm.uuid]);
    after.host.reboot('changed');
    assert.deepEqual((await mandatesOf(after)).orders, [{ vm: vm.uuid, action: 'pause' }]);
  });
});
