import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { revokeHost } from '../services/approve-host.ts';
import {
  approveReplacement,
  rejectReplacement,
  viewReplacements,
} from '../services/decide-replacement.ts';
import { takeAttestation } from '../services/take-evidence.ts';
import { lockHost } from '../store/hosts.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost, type MadeHost } from './support/made-host.ts';

const codeOf = (refused: Promise<unknown>): Promise<unknown> =>
  refused.then(
    () => 'taken',
    (error: { code?: unknown }) => error.code,
  );

describe('Another identity under a known name', () => {
  const fleet = useFleet();
  const { enrol, attest, stateOf, alerts, joinToken } = fleet;
  const offersFor = async (name: string) =>
    (await viewReplacements(fleet.verifier)).replacements.filter(
      ({ hostName }) => hostName === name,
    );
  const offerFor = async (name: string) => {
    const [offer] = await offersFor(name);
    assert.ok(offer);
    return offer;
  };
  const approvalOf = (host: MadeHost) => ({
    akName: host.akName,
    classes: ['software' as const],
  });

  for (const [kind, code, other] of [
    ['replacement', 'REPLACEMENT_QUEUED', () => makeHost()],
    ['re-enrolment', 'REENROLMENT_QUEUED', (old: MadeHost) => makeHost({ ek: old.ek })],
  ] as const) {
    describe(`(${kind})`, () => {
      it(`waits, whatever its join token says; the old identity serves on: ${code}`, async () => {
        const { host, hostId, name } = await fleet.trustedHost();
        const next = other(host);
        await assert.rejects(enrol(next, name, await joinToken()), { code });
        await assert.rejects(enrol(next, name), { code });
        assert.equal(await alerts(code, name), 2);
        const offer = await offerFor(name);
        assert.deepEqual(
          { ...offer, id: '', firstAt: '', lastAt: '' },
          {
            ...{ id: '', hostId, hostName: name, kind, state: 'waiting', times: 2 },
            recorded: { ...offer.recorded, akName: host.akName, class: 'software' },
            offered: { ...offer.offered, akName: next.akName, class: 'software' },
            ...{ firstAt: '', lastAt: '', decidedBy: null, decidedAt: null },
          },
        );
        assert.equal((await attest(host, hostId)).state, 'trusted');
        await assert.rejects(attest(next, hostId), { code: 'HOST_UNKNOWN' });
      });

      it('takes the place once it is approved; its counters start a history of their own', async () => {
        const { host, hostId, name } = await fleet.trustedHost();
        const next = other(host);
        Object.assign(next.boot, { resetCount: 0, clock: 5n });
        await assert.rejects(enrol(next, name), { code });
        const { id } = await offerFor(name);
        const decided = await approveReplacement(fleet.verifier, BY, id, approvalOf(next));
        assert.deepEqual([decided.state, decided.recorded.akName], ['approved', next.akName]);
        assert.equal((await enrol(next, name)).hostId, hostId);
        assert.equal((await attest(next, hostId)).state, 'trusted');
        await assert.rejects(attest(host, hostId), { code: 'HOST_UNKNOWN' });
      });

      it('suffers nothing by evidence of the old identity that waited for it', async () => {
        const { host, hostId, name } = await fleet.trustedHost();
        const next = other(host);
        Object.assign(next.boot, { resetCount: host.boot.resetCount + 9 });
        await assert.rejects(enrol(next, name), { code });
        const { id } = await offerFor(name);
        const late = fleet.evidenceOf(host, hostId);
        const [approval, answer] = await fleet.verifier.database.transaction(async (on) => {
          await lockHost(on, hostId);
          const approving = approveReplacement(fleet.verifier, BY, id, approvalOf(next));
          await fleet.waitingForLocks(1);
          const taking = codeOf(takeAttestation(fleet.verifier, late));
          await fleet.waitingForLocks(2);
          return [approving, taking] as const;
        });
        await approval;
        assert.equal(await answer, 'EVIDENCE_SUPERSEDED');
        assert.equal((await stateOf(hostId)).state, 'trusted');
        assert.equal(await alerts('TPM_ROLLED_BACK', name), undefined);
      });

      it('is gone for good once it is rejected: REPLACEMENT_REJECTED', async () => {
        const { host, hostId, name } = await fleet.trustedHost();
        const next = other(host);
        await assert.rejects(enrol(next, name), { code });
        const { id } = await offerFor(name);
        await rejectReplacement(fleet.verifier, BY, id, { reason: 'not ours' });
        await assert.rejects(enrol(next, name), { code: 'REPLACEMENT_REJECTED' });
        await assert.rejects(approveReplacement(fleet.verifier, BY, id, approvalOf(next)), {
          code: 'REPLACEMENT_DECIDED',
        });
        assert.equal((await attest(host, hostId)).state, 'trusted');
      });
    });
  }

  it('is approved by the AK Name that was compared, with a class that it has', async () => {
    const { host, name } = await fleet.trustedHost();
    const next = makeHost();
    await assert.rejects(enrol(next, name), { code: 'REPLACEMENT_QUEUED' });
    const { id } = await offerFor(name);
    const approve = (approval: Parameters<typeof approveReplacement>[3]) =>
      approveReplacement(fleet.verifier, BY, id, approval);
    await assert.rejects(approve(approvalOf(host)), { code: 'AK_NAME_CHANGED' });
    await assert.rejects(approve({ ...approvalOf(next), classes: ['discrete'] }), {
      code: 'CLASS_NOT_APPROVED',
    });
    await assert.rejects(approveReplacement(fleet.verifier, BY, randomUUID(), approvalOf(next)), {
      code: 'REPLACEMENT_UNKNOWN',
    });
  });

  it('is trusted only if what it measured is: approval makes no bad evidence good', async () => {
    const { name, hostId } = await fleet.trustedHost();
    const next = makeHost();
    next.reboot('bad');
    await assert.rejects(enrol(next, name), { code: 'REPLACEMENT_QUEUED' });
    const { id } = await offerFor(name);
    await approveReplacement(fleet.verifier, BY, id, approvalOf(next));
    assert.equal((await stateOf(hostId)).state, 'untrusted');
  });

  it('is not queued for ever: REPLACEMENTS_FULL after 16', async () => {
    const { name } = await fleet.trustedHost();
    for (let offer = 0; offer < 16; offer += 1) {
      await assert.rejects(enrol(makeHost(), name), { code: 'REPLACEMENT_QUEUED' });
    }
    await assert.rejects(enrol(makeHost(), name), { code: 'REPLACEMENTS_FULL' });
    assert.equal((await offersFor(name)).length, 16);
  });

  it('is not queued for a revoked host: HOST_REVOKED', async () => {
    const { host, hostId, name } = await fleet.trustedHost();
    await revokeHost(fleet.verifier, BY, hostId, { reason: 'sold' });
    for (const next of [makeHost(), makeHost({ ek: host.ek })]) {
      await assert.rejects(enrol(next, name), { code: 'HOST_REVOKED' });
    }
    assert.deepEqual(await offersFor(name), []);
  });

  it('is refused where its TPM has become another host’s meanwhile: EK_ALREADY_BOUND', async () => {
    const { name } = await fleet.trustedHost();
    const next = makeHost();
    await assert.rejects(enrol(next, name), { code: 'REPLACEMENT_QUEUED' });
    await enrol(next, fleet.newName());
    const { id } = await offerFor(name);
    await assert.rejects(approveReplacement(fleet.verifier, BY, id, approvalOf(next)), {
      code: 'EK_ALREADY_BOUND',
    });
  });

  it('is refused with a TPM that is another host’s; both names have an alert', async () => {
    const [first, second] = [await fleet.trustedHost(), await fleet.trustedHost()];
    const relayed = makeHost({ ek: first.host.ek });
    await assert.rejects(enrol(relayed, second.name), { code: 'EK_ALREADY_BOUND' });
    for (const { name } of [first, second]) {
      assert.equal(await alerts('EK_ALREADY_BOUND', name), 1);
      assert.deepEqual(await offersFor(name), []);
    }
  });
});
