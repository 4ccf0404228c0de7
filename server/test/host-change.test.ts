import assert from 'node:assert/strict';
import { approveBaselines } from '../services/approve-baselines.ts';
import { approveHost, revokeHost } from '../services/approve-host.ts';
import { captureBaseline } from '../services/baselines.ts';
import { viewCaStatus } from '../services/ca-status.ts';
import { explainHost, viewHosts } from '../services/host-views.ts';
import { labelHost } from '../services/label-host.ts';
import { listAuditLog } from '../services/lists.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { removeHost } from '../services/remove-host.ts';
import { retireBaselines } from '../services/retire-baselines.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { lockHost } from '../store/hosts.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

const WHY = { reason: 'it was sold' };

describe('A host that people change', () => {
  const fleet = useFleet();
  const { newName, joinToken, enrol, attest, stateOf, trustedHost } = fleet;
  const label = (id: string, set: Record<string, string>, remove: string[] = []) =>
    labelHost(fleet.verifier, BY, id, { set, remove });
  const remove = (id: string) => removeHost(fleet.verifier, BY, id, WHY);
  const lastAudit = async () => (await listAuditLog(fleet.verifier, FIRST_PAGE)).entries.at(-1);

  describe('its labels', () => {
    it('are set and taken away one by one, and the audit log holds both', async () => {
      const { hostId, name } = await trustedHost();
      await label(hostId, { rack: '1', role: 'db' });
      const { host } = await label(hostId, { rack: '2' }, ['role', 'never-there']);
      assert.deepEqual(host.labels, { rack: '2' });
      const line = await lastAudit();
      assert.deepEqual([line?.action, line?.subject], ['host.label', name]);
      assert.match(line?.detail ?? '', /rack=1, role=db -> rack=2/u);
    });

    it('are 32 at most: LABELS_TOO_MANY, and none is changed', async () => {
      const { hostId } = await trustedHost();
      await label(hostId, { kept: 'yes' });
      const many = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`l${at}`, 'x']));
      await assert.rejects(label(hostId, many), { code: 'LABELS_TOO_MANY' });
      assert.deepEqual((await stateOf(hostId)).labels, { kept: 'yes' });
    });

    it('make nobody trusted who is untrusted in this boot', async () => {
      const { host, hostId } = await trustedHost();
      host.reboot('bad');
      assert.equal((await attest(host, hostId)).state, 'untrusted');
      await label(hostId, { role: 'other' });
      assert.equal((await stateOf(hostId)).state, 'untrusted');
    });

    it('give no trust back that they took, though the evidence is good again', async () => {
      const { hostId } = await enrol(makeHost(), newName(), await joinToken());
      await label(hostId, { rack: '1' });
      const [by, name] = [BY, newName()];
      await captureBaseline(fleet.verifier, by, hostId, {
        ...{ name, labels: { rack: '1' }, acceptUnverified: true },
      });
      await approveBaselines(fleet.verifier, by, name, {});
      assert.equal((await stateOf(hostId)).state, 'trusted');
      await label(hostId, {}, ['rack']);
      assert.equal((await stateOf(hostId)).state, 'untrusted');
      const { findings } = await label(hostId, { rack: '1' }).then(({ host }) =>
        explainHost(fleet.verifier, host.name),
      );
      assert.equal(findings[0]?.code, 'STATE_UNTRUSTED_UNTIL_REBOOT');
      assert.equal((await stateOf(hostId)).state, 'untrusted');
    });

    it('admit nobody who waits, and are not given to who is revoked: HOST_REVOKED', async () => {
      const { hostId } = await enrol(makeHost(), newName());
      await label(hostId, { rack: '1' });
      assert.equal((await stateOf(hostId)).state, 'pending');
      await revokeHost(fleet.verifier, BY, hostId, WHY);
      await assert.rejects(label(hostId, { rack: '2' }), { code: 'HOST_REVOKED' });
    });
  });

  describe('that is removed', () => {
    it('is in no list, is nobody to the operator and a stranger to the gate', async () => {
      const { host, hostId, name, vm } = await fleet.vmOfTrusted();
      const evidence = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      assert.equal((await remove(name)).host.name, name);
      const { hosts } = await viewHosts(fleet.verifier, FIRST_PAGE);
      assert.ok(!hosts.some(({ id }) => id === hostId));
      await assert.rejects(stateOf(hostId), { code: 'HOST_UNKNOWN' });
      await assert.rejects(remove(hostId), { code: 'HOST_UNKNOWN' });
      await assert.rejects(label(name, {}), { code: 'HOST_UNKNOWN' });
      await assert.rejects(takePermitRequest(fleet.verifier, evidence), { code: 'HOST_UNKNOWN' });
      await assert.rejects(attest(host, hostId), { code: 'HOST_UNKNOWN' });
      assert.equal((await lastAudit())?.action, 'host.remove');
    });

    it('gets no permit that was asked for in the same instant', async () => {
      const { host, hostId, vm } = await fleet.vmOfTrusted();
      const evidence = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      const permit = await fleet.verifier.database.transaction(async (on) => {
        await lockHost(on, hostId);
        const removing = remove(hostId);
        await fleet.waitingForLocks(1);
        const asking = takePermitRequest(fleet.verifier, evidence).then(
          () => 'a permit was given',
          ({ code }: { code: string }) => code,
        );
        await fleet.waitingForLocks(2);
        return { removing, asking };
      });
      await permit.removing;
      assert.equal(await permit.asking, 'HOST_UNKNOWN');
    });

    it('may enrol again under its name, and waits for a person', async () => {
      const { host, hostId, name } = await trustedHost();
      await remove(hostId);
      const again = await enrol(host, name);
      assert.notEqual(again.hostId, hostId);
      assert.equal(again.state, 'pending');
      await approveHost(fleet.verifier, BY, name, { akName: host.akName, classes: ['software'] });
      const { host: back, findings } = await explainHost(fleet.verifier, name);
      // What was captured for the old one is not for it.
      assert.deepEqual([back.state, findings[0]?.code], ['untrusted', 'NO_BASELINE']);
    });

    it('leaves its name to another machine', async () => {
      const { hostId, name } = await trustedHost();
      await remove(hostId);
      assert.equal((await enrol(makeHost(), name, await joinToken())).state, 'untrusted' as const);
    });

    it('stays locked out if it was revoked, under its old name and any other', async () => {
      const { host, hostId, name } = await trustedHost();
      await revokeHost(fleet.verifier, BY, hostId, WHY);
      await remove(hostId);
      await assert.rejects(attest(host, hostId), { code: 'HOST_UNKNOWN' });
      const token = await joinToken();
      for (const wanted of [name, newName()]) {
        const outcome = await enrol(host, wanted, token).then(
          ({ state }) => state,
          ({ code }: { code: string }) => code,
        );
        assert.equal(outcome, wanted === name ? 'revoked' : 'EK_ALREADY_BOUND');
      }
      // Nor with another AK in the same TPM, whoever has the name by then.
      const cleared = makeHost({ ek: host.ek });
      await assert.rejects(enrol(cleared, name, token), { code: 'HOST_REVOKED' });
      assert.equal((await enrol(makeHost(), name, token)).state, 'untrusted' as const);
      await assert.rejects(enrol(cleared, name, token), { code: 'HOST_REVOKED' });
    });
  });

  describe('whose baseline is retired', () => {
    it('is untrusted from then on, and the answer names it', async () => {
      const { hostId, name } = await trustedHost();
      const retired = await retireBaselines(fleet.verifier, BY, name, WHY);
      assert.ok(retired.baselines.every(({ state }) => state === 'retired'));
      assert.deepEqual(
        retired.changedHosts?.filter(({ id }) => id === hostId),
        [{ id: hostId, name, from: 'trusted', to: 'untrusted' }],
      );
      assert.equal((await stateOf(hostId)).reason?.code, 'NO_BASELINE');
    });

    it('is refused where there is none: BASELINE_NOT_IN_USE', async () => {
      const { name } = await trustedHost();
      await retireBaselines(fleet.verifier, BY, name, WHY);
      for (const gone of [name, 'never-there']) {
        await assert.rejects(retireBaselines(fleet.verifier, BY, gone, WHY), {
          code: 'BASELINE_NOT_IN_USE',
        });
      }
    });

    it('does not become trusted because a rule went', async () => {
      const good = await trustedHost();
      const { name } = await trustedHost();
      good.host.reboot('bad');
      assert.equal((await attest(good.host, good.hostId)).state, 'untrusted');
      await retireBaselines(fleet.verifier, BY, name, WHY);
      assert.equal((await stateOf(good.hostId)).state, 'untrusted');
    });
  });

  it('is counted among those that know the newest trust bundle', async () => {
    await trustedHost();
    const status = await viewCaStatus(fleet.verifier);
    assert.equal(status.issuers[0]?.state, 'active');
    assert.match(status.anchors[0]?.fingerprint ?? '', /^[0-9a-f]{64}$/u);
    const { hostsThere, hostsBehind } = status.trustBundle;
    assert.ok(hostsThere >= 1);
    assert.equal(hostsBehind, 0);
  });
});
