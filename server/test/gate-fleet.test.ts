import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  EvidenceAnswer,
  GateReport,
  LicenceClaims,
  ObserveClaims,
  OrdersClaims,
  PermitClaims,
  PermitsAnswer,
  Vm,
} from '@touchstone/schemas';
import { attack } from '../../test/support/attack.ts';
import { readJws } from '../../test/support/jws.ts';
import { revokeHost } from '../services/approve-host.ts';
import { viewAlerts } from '../services/alerts.ts';
import { clearVm } from '../services/clear-vm.ts';
import { viewExposures } from '../services/exposures.ts';
import { enforce, observe, viewGate } from '../services/gate-mode.ts';
import { lookAtGate } from '../services/look-at-gate.ts';
import { listAuditLog } from '../services/lists.ts';
import { giveOrders } from '../services/mandates.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { changeQuorum } from '../services/quorum.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { viewRefusals, viewStanding, viewStandings } from '../services/vm-standings.ts';
import { registerVm, viewStarts } from '../services/vms.ts';
import { MOST_OF_STARTS } from '../store/kept-exposures.ts';
import { supersedeOrders } from '../store/restores.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import type { MadeHost } from './support/made-host.ts';

const NOTHING: GateReport = { running: [], exposures: [], omitted: 0, decided: [] };
const AT = '2026-01-01T00:00:00.000Z';

const claimsOf = <T>(jws: string): T => readJws(jws).claims as T;
const ordersOf = (jws: string) => claimsOf<OrdersClaims>(jws);

describe('The start gate of a fleet', () => {
  const fleet = useFleet();
  const { attest, secondRequestFor, batchEvidence, trustedHost, newName, refusalCodes } = fleet;

  const report = (host: MadeHost, hostId: string, gate?: Partial<GateReport>) =>
    takeAttestation(
      fleet.verifier,
      host.answer({
        ...{ purpose: 'attest', challenge: fleet.challengeFor(host, 'attest'), hostId },
        second: gate === undefined ? {} : { gate: { ...NOTHING, ...gate } },
      }),
    );
  const ask = (host: MadeHost, hostId: string, vm: string): Promise<PermitsAnswer> =>
    takePermitRequest(fleet.verifier, batchEvidence(host, hostId, [secondRequestFor(vm)]));
  const vmWith = async (more: Partial<Vm> = {}) => {
    const vm: Vm = {
      ...{ uuid: randomUUID(), name: newName(), classes: ['software'] },
      ...{ hostLabels: {}, images: [], ...more },
    };
    await registerVm(fleet.verifier, BY, vm);
    return vm;
  };
  const runningOf = (vm: string, permit: string | null = null) => ({
    ...{ vm, name: 'web', door: 'libvirt' as const, permit, paused: false, since: AT },
  });
  const exposuresAt = async (name: string) =>
    (await viewExposures(fleet.verifier, FIRST_PAGE, name)).exposures;
  const codesAt = async (name: string) => (await exposuresAt(name)).map(({ code }) => code);
  const licencesIn = ({ mandates }: Pick<EvidenceAnswer, 'mandates'>) =>
    (mandates?.licences ?? []).map((jws) => claimsOf<LicenceClaims>(jws));
  const audited = async (action: string, subject: string) => {
    const { entries } = await listAuditLog(fleet.verifier, FIRST_PAGE);
    return entries.filter((each) => each.action === action && each.subject === subject);
  };
  const onlyOrders = ({ mandates }: Pick<EvidenceAnswer, 'mandates'>) =>
    ordersOf(mandates?.orders ?? '');

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

  describe('starts that a host makes up', () => {
    const decidedBy = (count: number): GateReport['decided'] =>
      Array.from({ length: count }, () => ({
        ...{ requestId: randomUUID(), vm: randomUUID(), decision: 'licensed' as const },
        ...{ code: 'SERVER_UNREACHABLE', at: AT },
      }));
    const stored = (hostId: string) =>
      fleet.verifier.asAdministrator(
        `SELECT code, vm FROM exposures WHERE host_id = $1 AND origin = 'server'`,
        [hostId],
      );

    it('fill no table: the newest are kept, and a line says that others are gone: EXPOSURES_DROPPED', async () => {
      const { host, hostId, name } = await trustedHost();
      const oldest = decidedBy(1);
      await report(host, hostId, { decided: oldest });
      const statements = Math.ceil(MOST_OF_STARTS / 64);
      for (let told = 0; told < statements; told += 1) {
        await report(host, hostId, { decided: decidedBy(64) });
      }
      const newest = decidedBy(64);
      await report(host, hostId, { decided: newest });
      const rows = await stored(hostId);
      const kept = new Set(rows.map(({ vm }) => vm));
      assert.equal(rows.length, MOST_OF_STARTS + 1);
      assert.ok(!kept.has(oldest[0]?.vm));
      assert.ok(newest.every(({ vm }) => kept.has(vm)));
      assert.ok((await codesAt(name)).includes('EXPOSURES_DROPPED'));
      assert.equal(await fleet.alerts('EXPOSURES_DROPPED', name), 1);
      const last = (await audited('exposure.change', name)).at(-1);
      assert.match(last?.detail ?? '', /^dropped: the oldest 64; begun: LICENCE_USED/u);
    });

    it('go when they are over, though the host tells the same as before', async () => {
      const { host, hostId, name } = await trustedHost();
      const vm = await vmWith();
      const running = [runningOf(vm.uuid)];
      const [there] = decidedBy(1);
      assert.ok(there !== undefined);
      const decided = [...decidedBy(3), { ...there, vm: vm.uuid }];
      await report(host, hostId, { running, decided });
      await lookAtGate(fleet.verifier);
      assert.equal((await stored(hostId)).length, 4, 'not yet');
      fleet.verifier.pass(301);
      await lookAtGate(fleet.verifier);
      assert.equal((await stored(hostId)).length, 4, 'it told nothing since');
      await report(host, hostId, { running });
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
      await lookAtGate(fleet.verifier);
      assert.deepEqual(await stored(hostId), [{ code: 'LICENCE_USED', vm: vm.uuid }]);
      const over = (await audited('exposure.change', name)).at(-1);
      assert.match(over?.detail ?? '', /^ended: (LICENCE_USED VM [-0-9a-f]+(, )?){3}$/u);
    });

    it('are over in the next statement too, where more are made up', async () => {
      const { host, hostId } = await trustedHost();
      await report(host, hostId, { decided: decidedBy(3) });
      fleet.verifier.pass(301);
      await report(host, hostId, { decided: decidedBy(1) });
      assert.equal((await stored(hostId)).length, 1);
    });
  });

  describe('a start that was permitted and that its host refused afterwards', () => {
    const requestOf = (answer: PermitsAnswer) => fleet.first(answer).requestId;
    const refusalOf = (
      requestId: string,
      vm: string,
      decision: GateReport['decided'][number]['decision'] = 'refused',
    ) => ({ requestId, vm, decision, code: 'DOMAIN_DIFFERS', at: AT });
    const startsOf = async (vm: string) =>
      (await viewStarts(fleet.verifier, vm, FIRST_PAGE)).starts;

    it('is refused in the VM’s starts under its id, and told once', async () => {
      const { host, hostId } = await trustedHost();
      const vm = await vmWith({ failMode: { mode: 'allow-and-flag' } });
      const requestId = requestOf(await ask(host, hostId, vm.uuid));
      const decided = [refusalOf(requestId, vm.uuid)];
      assert.deepEqual(licencesIn(await report(host, hostId, { decided })), [], 'nor a licence');
      const [start, ...others] = await startsOf(vm.uuid);
      assert.deepEqual(
        [start?.requestId, start?.decision, start?.code, start?.told],
        [requestId, 'refused', 'DOMAIN_DIFFERS', true],
      );
      assert.equal(start?.definitionDigest, 'd'.repeat(64));
      assert.deepEqual(others, []);
      const { refusals } = await viewRefusals(fleet.verifier, FIRST_PAGE);
      assert.equal(refusals.find((one) => one.requestId === requestId)?.code, 'DOMAIN_DIFFERS');

      await report(host, hostId, { decided: [{ ...decided[0]!, code: 'IMAGES_DIFFER' }] });
      assert.deepEqual(await startsOf(vm.uuid), [start]);
      const lines = await audited('vm.start.refused', vm.uuid);
      assert.equal(lines.length, 1);
      assert.match(lines[0]?.detail ?? '', /DOMAIN_DIFFERS.* after it was permitted$/u);
    });

    it('is one of this host and this VM alone, and is not turned back', async () => {
      const [one, other] = [await trustedHost(), await trustedHost()];
      const [vm, another] = [await vmWith(), await vmWith()];
      const requestId = requestOf(await ask(one.host, one.hostId, vm.uuid));
      await report(one.host, one.hostId, { decided: [refusalOf(requestId, another.uuid)] });
      // It makes up a start of its own by that id, and repeats it.
      for (const decided of [refusalOf(requestId, vm.uuid), refusalOf(requestId, vm.uuid)]) {
        await report(other.host, other.hostId, { decided: [decided] });
      }
      for (const decision of ['licensed', 'observed'] as const) {
        const decided = [refusalOf(requestId, vm.uuid, decision)];
        await report(one.host, one.hostId, { decided });
      }
      const decisions = async () =>
        (await startsOf(vm.uuid))
          .filter(({ hostId }) => hostId === one.hostId)
          .map(({ decision }) => decision);
      assert.deepEqual(await decisions(), ['permitted']);
      await report(one.host, one.hostId, { decided: [refusalOf(requestId, vm.uuid)] });
      for (const decision of ['licensed', 'observed'] as const) {
        const decided = [refusalOf(requestId, vm.uuid, decision)];
        await report(one.host, one.hostId, { decided });
      }
      assert.deepEqual(await decisions(), ['refused']);
      assert.equal((await audited('vm.start.licensed', vm.uuid)).length, 0);
    });

    it('frees no VM for a migration from a host that is not trusted', async () => {
      const [source, target] = [await trustedHost(), await trustedHost()];
      const vm = await vmWith();
      const requestId = requestOf(await ask(source.host, source.hostId, vm.uuid));
      source.host.reboot('changed');
      await report(source.host, source.hostId, { decided: [refusalOf(requestId, vm.uuid)] });
      assert.equal((await startsOf(vm.uuid))[0]?.decision, 'refused');
      const migration = secondRequestFor(vm.uuid, { operation: 'migrate' });
      const evidence = batchEvidence(target.host, target.hostId, [migration]);
      const answer = await takePermitRequest(fleet.verifier, evidence);
      assert.deepEqual(refusalCodes(answer), ['MIGRATION_SOURCE_NOT_TRUSTED']);
    });
  });

  describe('licences', () => {
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

  describe('when the trust in a host is lost', () => {
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
  });

  describe('observe mode', () => {
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
      const observed = claimsOf<ObserveClaims>(
        (await report(host, hostId)).mandates?.observe ?? '',
      );
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
      const rows = await fleet.verifier.asAdministrator(
        'SELECT FROM exposures WHERE host_id = $1',
        [hostId],
      );
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
});
