import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { DecidedAlone, PermitsAnswer, StartRequest, Statement } from '@touchstone/schemas';
import { viewExposures } from '../services/exposures.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { removeHost } from '../services/remove-host.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { viewStandings } from '../services/vm-standings.ts';
import { insertStarts } from '../store/starts.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import type { MadeHost } from './support/made-host.ts';

describe('A VM that comes from somewhere', () => {
  const fleet = useFleet();
  type Trusted = { readonly host: MadeHost; readonly hostId: string };
  const ask = (
    { host, hostId }: Trusted,
    vm: string,
    more: Partial<StartRequest> = {},
  ): Promise<PermitsAnswer> => {
    const asked = [fleet.secondRequestFor(vm, more)];
    return takePermitRequest(fleet.verifier, fleet.batchEvidence(host, hostId, asked));
  };
  const attest = ({ host, hostId }: Trusted, second: Pick<Statement, 'gate'> = {}) =>
    takeAttestation(
      fleet.verifier,
      host.answer({
        ...{ purpose: 'attest', challenge: fleet.challengeFor(host, 'attest'), hostId, second },
      }),
    );
  const told = (by: Trusted, decided: Pick<DecidedAlone, 'requestId' | 'vm' | 'decision'>) =>
    attest(by, {
      gate: {
        ...{ running: [], exposures: [], omitted: 0 },
        decided: [{ ...decided, code: 'DOMAIN_DIFFERS', at: '2026-11-22T12:00:00Z' }],
      },
    });
  const permitted = async (answer: Promise<PermitsAnswer>) =>
    assert.ok('permit' in fleet.first(await answer), JSON.stringify(await answer));
  const refused = async (answer: Promise<PermitsAnswer>, code: string) =>
    assert.equal(fleet.refusalCodes(await answer)[0], code);
  const migrate = { operation: 'migrate' } as const;
  const two = async (): Promise<[Trusted, Trusted]> => [
    await fleet.trustedHost(),
    await fleet.trustedHost(),
  ];

  it('migrates from the host that was permitted to run it, as often as it takes', async () => {
    const [source, target] = await two();
    const vm = await fleet.registeredVm();
    await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_UNKNOWN');
    await permitted(ask(source, vm));
    await refused(ask(source, vm, migrate), 'MIGRATION_SOURCE_UNKNOWN');
    await permitted(ask(target, vm, migrate));
    await permitted(ask(target, vm, migrate));
    await permitted(ask(source, vm, migrate));
  });

  it('is where its latest permit says, whichever of two was written last', async () => {
    const [one, other] = await two();
    const vm = await fleet.registeredVm();
    const now = fleet.verifier.clock.now();
    const permitAt = async ({ hostId }: Trusted, at: Date) => {
      const request = fleet.secondRequestFor(vm);
      const starts = [{ request, decision: 'permitted', permitId: randomUUID() }] as const;
      const attestation = randomUUID();
      await insertStarts(fleet.verifier.database, { hostId, attestation, at, starts });
    };
    const isAt = async ({ hostId }: Trusted) => {
      const { vms } = await viewStandings(fleet.verifier, FIRST_PAGE);
      assert.equal(vms.find(({ uuid }) => uuid === vm)?.place?.hostId, hostId);
    };
    await permitAt(one, now);
    await permitAt(other, new Date(now.getTime() - 1));
    await isAt(one);
    await permitAt(other, now);
    await isAt(other);
  });

  it('G28 does not migrate from a host that was removed, trusted as it was', async () => {
    const [source, target] = await two();
    const vm = await fleet.registeredVm();
    await permitted(ask(source, vm));
    await removeHost(fleet.verifier, BY, source.hostId, { reason: 'it was sold' });
    await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_UNKNOWN');
  });

  it('G28 does not migrate from a host that lost its trust, nor from one that is silent', async () => {
    const [source, target] = await two();
    const vm = await fleet.registeredVm();
    await permitted(ask(source, vm));
    source.host.reboot('changed');
    await attest(source);
    await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_NOT_TRUSTED');
    await permitted(ask(target, vm));
    fleet.verifier.pass(4 * 60);
    await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_NOT_TRUSTED');
  });

  it('G28 nor from one that says it runs there, whatever another was permitted since', async () => {
    const [source, target] = await two();
    const vm = await fleet.registeredVm();
    await permitted(ask(source, vm));
    const running = [
      {
        vm,
        name: 'web',
        door: 'libvirt',
        permit: null,
        paused: false,
        since: '2026-11-22T12:00:00Z',
      },
    ] as const;
    const gate = { running: [...running], exposures: [], decided: [], omitted: 0 };
    const tell = () => attest(source, { gate });
    await tell();
    await permitted(ask(target, vm, migrate));
    source.host.reboot('changed');
    await tell();
    const [, third] = await two();
    await refused(ask(third, vm, migrate), 'MIGRATION_SOURCE_NOT_TRUSTED');
  });

  it('G28 nor because a third one says that it runs there', async () => {
    const [source, target] = await two();
    const [liar] = await two();
    const vm = await fleet.registeredVm();
    await permitted(ask(source, vm));
    source.host.reboot('changed');
    await attest(source);
    const said = { name: 'web', door: null, permit: null, paused: false } as const;
    const running = [{ ...said, vm, since: '2026-11-22T12:00:00Z' }];
    await attest(liar, { gate: { running, exposures: [], decided: [], omitted: 0 } });
    await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_NOT_TRUSTED');
  });

  for (const first of ['licensed', 'observed'] as const) {
    it(`G28 nor from one that said its start was ${first}, and says since that it was refused`, async () => {
      const [source, target] = await two();
      const [bad] = await two();
      const vm = await fleet.registeredVm();
      await permitted(ask(source, vm));
      fleet.verifier.pass(1);
      const requestId = randomUUID();
      await told(bad, { requestId, vm, decision: first });
      bad.host.reboot('changed');
      await told(bad, { requestId, vm, decision: 'refused' });
      await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_NOT_TRUSTED');
    });
  }

  it('G28 nor from one behind a host that was permitted to take it and says that this failed', async () => {
    const [source, target] = await two();
    const [between] = await two();
    const vm = await fleet.registeredVm();
    await permitted(ask(source, vm));
    fleet.verifier.pass(1);
    const { requestId } = fleet.first(await ask(between, vm, migrate));
    await told(between, { requestId, vm, decision: 'failed' });
    source.host.reboot('changed');
    await attest(source);
    await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_NOT_TRUSTED');
  });

  it('G28 nor because a third one says since that it let it start', async () => {
    const [source, target] = await two();
    const [liar] = await two();
    const vm = await fleet.registeredVm();
    await permitted(ask(source, vm));
    fleet.verifier.pass(1);
    for (const decision of ['differs', 'observed', 'licensed'] as const)
      await told(liar, { requestId: randomUUID(), vm, decision });
    source.host.reboot('changed');
    await attest(source);
    await refused(ask(target, vm, migrate), 'MIGRATION_SOURCE_NOT_TRUSTED');
  });

  it('is no more where it was started before its latest permit', async () => {
    const [bad, source] = await two();
    const [target] = await two();
    const vm = await fleet.registeredVm();
    await told(bad, { requestId: randomUUID(), vm, decision: 'licensed' });
    fleet.verifier.pass(1);
    await permitted(ask(source, vm));
    bad.host.reboot('changed');
    await attest(bad);
    await permitted(ask(target, vm, migrate));
  });

  it('G28 is restored where nobody saw it saved, and that is told', async () => {
    const { host, hostId, vm } = await fleet.vmOfTrusted();
    const codes = async () =>
      (await viewExposures(fleet.verifier, FIRST_PAGE)).exposures
        .filter((exposure) => exposure.vm === vm)
        .map(({ code }) => code);
    const restore = { operation: 'restore', savedState: null } as const;
    await permitted(ask({ host, hostId }, vm, restore));
    assert.deepEqual(await codes(), ['RESTORE_UNKNOWN']);
    const seen = { operation: 'restore', savedState: 'a'.repeat(64) } as const;
    await permitted(ask({ host, hostId }, vm, seen));
    assert.deepEqual(await codes(), []);
  });
});
