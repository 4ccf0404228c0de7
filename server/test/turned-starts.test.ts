import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GateReport, PermitClaims, PermitsAnswer } from '@touchstone/schemas';
import { enforce, observe } from '../services/gate-mode.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { viewRefusals, viewStanding } from '../services/vm-standings.ts';
import { viewStarts } from '../services/vms.ts';
import { BY } from './support/made-fleet.ts';
import { AT, claimsOf, useGateFleet } from './support/gate-fleet.ts';

describe('A start that was let go, and that its host refused afterwards', () => {
  const { fleet, report, ask, vmWith, runningOf, codesAt, licencesIn, audited } = useGateFleet();
  const { secondRequestFor, batchEvidence, trustedHost, refusalCodes } = fleet;

  const requestOf = (answer: PermitsAnswer) => fleet.first(answer).requestId;
  const refusalOf = (
    requestId: string,
    vm: string,
    decision: GateReport['decided'][number]['decision'] = 'refused',
  ) => ({ requestId, vm, decision, code: 'DOMAIN_DIFFERS', at: AT });
  const migrationTo = (
    { host, hostId }: Pick<Awaited<ReturnType<typeof trustedHost>>, 'host' | 'hostId'>,
    vm: string,
  ) => {
    const migration = secondRequestFor(vm, { operation: 'migrate' });
    return takePermitRequest(fleet.verifier, batchEvidence(host, hostId, [migration]));
  };
  const startsOf = async (vm: string) => (await viewStarts(fleet.verifier, vm, FIRST_PAGE)).starts;

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

  for (const decision of ['refused', 'failed', 'differs'] as const) {
    it(`is what is known of the VM, where the host says that it runs by it: ${decision}`, async () => {
      const { host, hostId } = await trustedHost();
      const vm = await vmWith();
      const permit = fleet.first(await ask(host, hostId, vm.uuid));
      assert.ok('permit' in permit);
      const running = [runningOf(vm.uuid, claimsOf<PermitClaims>(permit.permit).jti)];
      const grounds = async () =>
        (await viewStanding(fleet.verifier, vm.uuid)).running.map(({ ground }) => ground);
      await report(host, hostId, { running });
      assert.deepEqual(await grounds(), ['permit']);
      const decided = [refusalOf(permit.requestId, vm.uuid, decision)];
      await report(host, hostId, { running, decided });
      assert.deepEqual(await grounds(), [decision]);
    });
  }

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
    assert.deepEqual(refusalCodes(await migrationTo(target, vm.uuid)), [
      'MIGRATION_SOURCE_NOT_TRUSTED',
    ]);
  });

  describe('and that had no permit that was deserved', () => {
    for (const decision of ['licensed', 'observed'] as const) {
      it(`is refused too, where its host told of it before as ${decision}`, async () => {
        const { host, hostId } = await trustedHost();
        const vm = await vmWith();
        const requestId = randomUUID();
        await report(host, hostId, { decided: [refusalOf(requestId, vm.uuid, decision)] });
        const decided = [
          refusalOf(requestId, vm.uuid, decision),
          { ...refusalOf(requestId, vm.uuid), code: 'IMAGES_DIFFER' },
        ];
        await report(host, hostId, { decided });
        await report(host, hostId, { decided });
        const starts = await startsOf(vm.uuid);
        assert.deepEqual(
          starts.map((start) => [start.requestId, start.decision, start.code, start.told]),
          [[requestId, 'refused', 'IMAGES_DIFFER', true]],
        );
        const lines = await audited('vm.start.refused', vm.uuid);
        assert.equal(lines.length, 1);
        assert.match(lines[0]?.detail ?? '', RegExp(`IMAGES_DIFFER.* after it was ${decision}$`));
      });
    }

    it('is refused too, where it was observed here, and not for what it was observed', async () => {
      const { host, hostId } = await trustedHost();
      host.reboot('changed');
      const vm = await vmWith();
      await observe(fleet.verifier, BY, { seconds: 3_600, labels: {}, reason: 'adopting' });
      const requestId = requestOf(await ask(host, hostId, vm.uuid));
      await enforce(fleet.verifier, BY, { reason: 'the test is over' });
      assert.equal((await startsOf(vm.uuid))[0]?.decision, 'observed');
      await report(host, hostId, { decided: [refusalOf(requestId, vm.uuid)] });
      const [start] = await startsOf(vm.uuid);
      assert.deepEqual([start?.decision, start?.code], ['refused', 'DOMAIN_DIFFERS']);
      const { refusals } = await viewRefusals(fleet.verifier, FIRST_PAGE);
      assert.equal(refusals.find((one) => one.requestId === requestId)?.finding, null);
      const [line] = await audited('vm.start.refused', vm.uuid);
      assert.match(line?.detail ?? '', /after it was observed$/u);
    });

    it('frees no VM for a migration from a host that is not trusted', async () => {
      const [source, target] = [await trustedHost(), await trustedHost()];
      const vm = await vmWith();
      const requestId = randomUUID();
      const { host, hostId } = source;
      await report(host, hostId, { decided: [refusalOf(requestId, vm.uuid, 'observed')] });
      host.reboot('changed');
      await report(host, hostId, { decided: [refusalOf(requestId, vm.uuid)] });
      assert.equal((await startsOf(vm.uuid))[0]?.decision, 'refused');
      assert.deepEqual(refusalCodes(await migrationTo(target, vm.uuid)), [
        'MIGRATION_SOURCE_NOT_TRUSTED',
      ]);
    });
  });

  describe('and of which its host tells what became of it', () => {
    const WHY = { failed: 'VM_DID_NOT_RUN', differs: 'IMAGES_DIFFER' } as const;
    const became = (requestId: string, vm: string, decision: keyof typeof WHY) => ({
      ...refusalOf(requestId, vm, decision),
      code: WHY[decision],
    });

    for (const { decision, licences } of [
      { decision: 'failed', licences: 1 },
      { decision: 'differs', licences: 0 },
    ] as const) {
      it(`${decision}: shows as that, once, and as no refusal; licences of it: ${licences}`, async () => {
        const { host, hostId } = await trustedHost();
        const vm = await vmWith({ failMode: { mode: 'allow-and-flag' } });
        const requestId = requestOf(await ask(host, hostId, vm.uuid));
        const decided = [became(requestId, vm.uuid, decision)];
        const answer = await report(host, hostId, { decided });
        assert.equal(licencesIn(answer).length, licences);
        await report(host, hostId, { decided: [...decided, refusalOf(requestId, vm.uuid)] });
        assert.deepEqual(
          (await startsOf(vm.uuid)).map((start) => [start.decision, start.code, start.told]),
          [[decision, WHY[decision], true]],
        );
        const { refusals } = await viewRefusals(fleet.verifier, FIRST_PAGE);
        assert.ok(!refusals.some((one) => one.requestId === requestId));
        const lines = await audited(`vm.start.${decision}`, vm.uuid);
        assert.equal(lines.length, 1);
        assert.match(lines[0]?.detail ?? '', /after it was permitted$/u);
      });

      it(`${decision}: frees no VM for a migration from a host that is not trusted`, async () => {
        const [{ host, hostId }, target] = [await trustedHost(), await trustedHost()];
        const vm = await vmWith();
        const requestId = requestOf(await ask(host, hostId, vm.uuid));
        host.reboot('changed');
        await report(host, hostId, { decided: [became(requestId, vm.uuid, decision)] });
        assert.deepEqual(refusalCodes(await migrationTo(target, vm.uuid)), [
          'MIGRATION_SOURCE_NOT_TRUSTED',
        ]);
      });
    }

    it('is no ground of a licence where it was only observed before it failed', async () => {
      const { host, hostId } = await trustedHost();
      const vm = await vmWith({ failMode: { mode: 'allow-and-flag' } });
      host.reboot('changed');
      await observe(fleet.verifier, BY, { seconds: 3_600, labels: {}, reason: 'adopting' });
      const requestId = requestOf(await ask(host, hostId, vm.uuid));
      await enforce(fleet.verifier, BY, { reason: 'the test is over' });
      host.reboot('good');
      const decided = [became(requestId, vm.uuid, 'failed')];
      const answer = await report(host, hostId, { decided });
      assert.equal(answer.state, 'trusted');
      assert.deepEqual(licencesIn(answer), []);
    });

    it('shows by what it was let go, too, where it runs and both come together', async () => {
      const { host, hostId, name } = await trustedHost();
      const [runs, failed] = [await vmWith(), await vmWith()];
      const [one, other] = [randomUUID(), randomUUID()];
      await report(host, hostId, {
        running: [runningOf(runs.uuid)],
        decided: [
          refusalOf(one, runs.uuid, 'licensed'),
          refusalOf(other, failed.uuid, 'licensed'),
          became(one, runs.uuid, 'differs'),
          became(other, failed.uuid, 'failed'),
        ],
      });
      assert.deepEqual(
        [(await startsOf(runs.uuid))[0]?.decision, (await startsOf(failed.uuid))[0]?.decision],
        ['differs', 'failed'],
      );
      assert.deepEqual(await codesAt(name), ['LICENCE_USED']);
    });
  });
});
