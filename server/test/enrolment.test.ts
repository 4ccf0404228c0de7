import assert from 'node:assert/strict';
import { approveHost } from '../services/approve-host.ts';
import { viewHost } from '../services/host-views.ts';
import { createJoinToken, revokeJoinToken } from '../services/join-tokens.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

describe('A host: enrols', () => {
  const fleet = useFleet();
  const { newName, joinToken, enrol, attest, stateOf, alerts } = fleet;

  it('without a join token as pending, whatever it measured', async () => {
    const host = makeHost();
    const answer = await enrol(host, newName());
    assert.equal(answer.state, 'pending');
    assert.equal((await attest(host, answer.hostId)).state, 'pending');
    assert.equal((await stateOf(answer.hostId)).reason?.code, 'HOST_PENDING');
  });

  it('and is heard no oftener than it is asked while it waits, for all of it is stored: RATE_LIMITED', async () => {
    const host = makeHost();
    const { hostId } = await enrol(host, newName());
    const stored = async () =>
      (await fleet.verifier.asAdministrator('SELECT count(*)::int AS n FROM evidence'))[0]?.['n'];
    const limited = { code: 'RATE_LIMITED', retryAfterSeconds: 30 };
    let heard = 0;
    while (heard < 100 && (await attest(host, hostId).then(ok, refusedAs(limited)))) heard += 1;
    assert.equal(heard, 60);
    const before = await stored();
    await assert.rejects(attest(host, hostId), limited);
    assert.equal(await stored(), before);
    // Whoever is admitted is not counted.
    await approveHost(fleet.verifier, BY, hostId, { akName: host.akName, classes: ['software'] });
    assert.equal((await attest(host, hostId)).state, 'untrusted');
  });

  it('with a token that does not approve as pending, until an operator approves its AK Name', async () => {
    const host = makeHost();
    const { hostId, state } = await enrol(host, newName(), await joinToken(false));
    assert.equal(state, 'pending');
    const approval = { akName: host.akName, classes: ['software' as const] };
    await assert.rejects(
      approveHost(fleet.verifier, BY, hostId, { ...approval, akName: makeHost().akName }),
      { code: 'AK_NAME_CHANGED' },
    );
    await assert.rejects(
      approveHost(fleet.verifier, BY, hostId, { ...approval, classes: ['discrete'] }),
      {
        code: 'CLASS_NOT_APPROVED',
      },
    );
    const detail = await approveHost(fleet.verifier, BY, hostId, approval);
    assert.equal(detail.host.state, 'untrusted');
    assert.equal(detail.host.reason?.code, 'NO_BASELINE');
    assert.equal(detail.approvedAkName, host.akName);
  });

  it('once with one token: JOIN_TOKEN_USED, and the host is not there', async () => {
    const token = await joinToken();
    await enrol(makeHost(), newName(), token);
    const name = newName();
    await assert.rejects(enrol(makeHost(), name, token), { code: 'JOIN_TOKEN_USED' });
    await assert.rejects(viewHost(fleet.verifier, name), { code: 'HOST_UNKNOWN' });
  });

  it('not with a token that is unknown, revoked or for another class', async () => {
    await assert.rejects(enrol(makeHost(), newName(), `tsj_${'A'.repeat(43)}`), {
      code: 'JOIN_TOKEN_UNKNOWN',
    });
    const made = await createJoinToken(fleet.verifier, BY, { classes: ['discrete'], labels: {} });
    await assert.rejects(enrol(makeHost(), newName(), made.token), {
      code: 'CLASS_NOT_ADMITTED',
    });
    await revokeJoinToken(fleet.verifier, BY, made.record.id);
    await assert.rejects(enrol(makeHost({ class: 'discrete' }), newName(), made.token), {
      code: 'JOIN_TOKEN_EXPIRED',
    });
  });

  it('again with the same TPM and AK as the same host: the answer was lost', async () => {
    const host = makeHost();
    const name = newName();
    const token = await joinToken();
    const { hostId } = await enrol(host, name, token);
    assert.equal((await enrol(host, name, token)).hostId, hostId);
  });

  it('not under another name with a known TPM: EK_ALREADY_BOUND, and an alert', async () => {
    const host = makeHost();
    const name = newName();
    await enrol(host, name);
    const others = [newName(), newName(), newName()];
    for (const other of others) {
      await assert.rejects(enrol(host, other), { code: 'EK_ALREADY_BOUND' });
      // Names of its own choice are no way to fill the list.
      assert.equal(await alerts('EK_ALREADY_BOUND', other), undefined);
    }
    assert.equal(await alerts('EK_ALREADY_BOUND', name), others.length);
  });

  it('not in the place of another TPM: REPLACEMENT_QUEUED; the old identity stays', async () => {
    const host = makeHost();
    const name = newName();
    const { hostId } = await enrol(host, name);
    await assert.rejects(enrol(makeHost(), name, await joinToken()), {
      code: 'REPLACEMENT_QUEUED',
    });
    assert.equal(await alerts('REPLACEMENT_QUEUED', name), 1);
    assert.equal((await stateOf(hostId)).akName, host.akName);
  });

  it('not with another AK of a known TPM: REENROLMENT_QUEUED; the old identity stays', async () => {
    const host = makeHost();
    const name = newName();
    const { hostId } = await enrol(host, name);
    await assert.rejects(enrol(makeHost({ ek: host.ek }), name), { code: 'REENROLMENT_QUEUED' });
    assert.equal((await stateOf(hostId)).akName, host.akName);
  });

  it('one of two at once under one name', async () => {
    const name = newName();
    const outcomes = await Promise.allSettled([enrol(makeHost(), name), enrol(makeHost(), name)]);
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  });
});

const ok = () => true;

function refusedAs(expected: object) {
  return (error: object): false => {
    for (const [name, value] of Object.entries(expected)) {
      assert.equal((error as Record<string, unknown>)[name], value);
    }
    return false;
  };
}
