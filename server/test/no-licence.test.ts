import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Vm } from '@touchstone/schemas';
import { revokeHost } from '../services/approve-host.ts';
import { clearVm } from '../services/clear-vm.ts';
import { enforce, observe } from '../services/gate-mode.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { registerVm } from '../services/vms.ts';
import { grantLicence, type LicenceQuestion } from '../gate/mandates.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import type { MadeHost } from './support/made-host.ts';

describe('No standing licence is given', () => {
  const GOOD: LicenceQuestion = {
    ...{ issuer: 'https://touchstone.test', akName: '00', hostId: randomUUID(), now: new Date() },
    ...{ id: randomUUID(), verdict: 'warning' },
    host: { state: 'trusted', class: 'software', labels: { site: 'a', rack: '1' } },
    boot: { resetCount: 1, restartCount: 0, clock: '1000' },
    vm: {
      ...{ uuid: randomUUID(), classes: ['software'], hostLabels: { site: 'a' } },
      ...{ warnings: 'accept', failMode: { mode: 'allow-and-flag' } },
      definitionDigest: 'd'.repeat(64),
    },
  };
  const { host: goodHost, vm: goodVm } = GOOD;
  const BAD: [string, Partial<LicenceQuestion>][] = [
    ['a pending host', { host: { ...goodHost, state: 'pending' } }],
    ['an untrusted host', { host: { ...goodHost, state: 'untrusted' } }],
    ['a stale host', { host: { ...goodHost, state: 'stale' } }],
    ['a revoked host', { host: { ...goodHost, state: 'revoked' } }],
    ['a class that the VM does not accept', { host: { ...goodHost, class: 'firmware' } }],
    ['a host without its labels', { host: { ...goodHost, labels: {} } }],
    ['a host with another label', { host: { ...goodHost, labels: { site: 'b' } } }],
    ['bad evidence', { verdict: 'contraindicated' }],
    ['a warning that it refuses', { vm: { ...goodVm, warnings: 'refuse' } }],
    ['a VM that waits for a verdict', { vm: { ...goodVm, failMode: { mode: 'refuse' } } }],
  ];
  for (const [what, bad] of BAD) {
    it(`for ${what}`, () => {
      assert.notEqual(grantLicence(GOOD), null);
      assert.equal(grantLicence({ ...GOOD, ...bad }), null);
    });
  }

  const fleet = useFleet();
  const vmWith = (more: Partial<Vm>) =>
    registerVm(fleet.verifier, BY, {
      ...{ uuid: randomUUID(), name: fleet.newName(), classes: ['software'], hostLabels: {} },
      ...{ images: [], failMode: { mode: 'allow-and-flag' }, ...more },
    });
  const ask = (host: MadeHost, hostId: string, vm: string) =>
    takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, [fleet.secondRequestFor(vm)]),
    );
  const licences = async (host: MadeHost, hostId: string) => {
    const challenge = fleet.challengeFor(host, 'attest');
    const evidence = host.answer({ purpose: 'attest', challenge, hostId, second: {} });
    const { mandates } = await takeAttestation(fleet.verifier, evidence);
    return mandates?.licences.length;
  };

  it('for a VM that is held, though the host that lost it is trusted again: G27', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const { uuid } = await vmWith({ onLoss: 'no-new-starts' });
    await ask(host, hostId, uuid);
    assert.equal(await licences(host, hostId), 1);
    host.reboot('changed');
    assert.equal(await licences(host, hostId), 0);
    host.reboot('good');
    assert.equal(await licences(host, hostId), 0, 'held');
    await clearVm(fleet.verifier, BY, uuid, { reason: 'looked at' });
    assert.equal(await licences(host, hostId), 1);
  });

  it('nor a permit elsewhere for a VM whose host was revoked, where its record holds it: G16', async () => {
    const [one, other] = [await fleet.trustedHost(), await fleet.trustedHost()];
    const { uuid } = await vmWith({ onLoss: 'no-new-starts' });
    await ask(one.host, one.hostId, uuid);
    await revokeHost(fleet.verifier, BY, one.name, { reason: 'stolen' });
    assert.deepEqual(fleet.refusalCodes(await ask(other.host, other.hostId, uuid)), ['VM_HELD']);
  });

  it('over a start that was only observed, nor after observe mode ended', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const { uuid } = await vmWith({ images: ['1'.repeat(64)] });
    await observe(fleet.verifier, BY, { seconds: 3_600, labels: {}, reason: 'adopting' });
    assert.ok('permit' in fleet.first(await ask(host, hostId, uuid)));
    assert.equal(await licences(host, hostId), 0);
    await enforce(fleet.verifier, BY, { reason: 'done' });
    assert.equal(await licences(host, hostId), 0);
  });
});
