import assert from 'node:assert/strict';
import { approveHost, revokeHost } from '../services/approve-host.ts';
import { viewReplacements } from '../services/decide-replacement.ts';
import { explainHost, viewHost, viewHosts } from '../services/host-views.ts';
import { listAuditLog } from '../services/lists.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { removeHost } from '../services/remove-host.ts';
import { runRetention } from '../services/retention.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { addCopiesOf } from './support/more-hosts.ts';
import { makeHost } from './support/made-host.ts';

describe('What strangers leave behind', () => {
  const fleet = useFleet();
  const { newName, enrol, attest, alerts } = fleet;
  const sql = (text: string, values: unknown[] = []) =>
    fleet.verifier.asAdministrator(text, values);
  const count = async (table: string, where: string, values: unknown[]) =>
    Number((await sql(`SELECT count(*)::int AS n FROM ${table} WHERE ${where}`, values))[0]?.['n']);
  const storedOf = async (hostId: string) => [
    await count('hosts', 'id = $1', [hostId]),
    await count('attestations', 'host_id = $1', [hostId]),
    await count('evidence', `statement::text LIKE '%' || encode($1::text::bytea, 'hex') || '%'`, [
      hostId,
    ]),
  ];
  const aged = (hostId: string) =>
    sql(`UPDATE hosts SET enrolled_at = enrolled_at - interval '31 days' WHERE id = $1`, [hostId]);
  const pending = async () => {
    const [host, name] = [makeHost(), newName()];
    const { hostId, state } = await enrol(host, name);
    assert.equal(state, 'pending');
    return { host, name, hostId };
  };

  it('is of a pending host its latest evidence alone, on which it can be approved', async () => {
    const { host, hostId } = await pending();
    for (const _ of [1, 2, 3, 4]) await attest(host, hostId);
    assert.deepEqual(await storedOf(hostId), [1, 1, 1]);
    const approval = { akName: host.akName, classes: ['software' as const] };
    const { host: approved } = await approveHost(fleet.verifier, BY, hostId, approval);
    assert.equal(approved.state, 'untrusted');
    assert.equal((await explainHost(fleet.verifier, hostId)).findings[0]?.code, 'NO_BASELINE');
    await attest(host, hostId);
    assert.ok((await storedOf(hostId))[1]! >= 3, 'of an admitted host everything is kept');
  });

  it('lapses after its time, however often it came: name, TPM and evidence are free', async () => {
    const { host, name, hostId } = await pending();
    await attest(host, hostId);
    const stays = await pending();
    await aged(hostId);
    const { removed } = await runRetention(fleet.verifier, BY);
    assert.deepEqual(
      removed.filter(({ kind }) => kind === 'pendingHosts').map(({ rows }) => rows),
      [1],
    );
    assert.deepEqual(await storedOf(hostId), [0, 0, 0]);
    await assert.rejects(attest(host, hostId), { code: 'HOST_UNKNOWN' });
    assert.equal((await viewHost(fleet.verifier, stays.name)).host.state, 'pending');
    assert.equal((await enrol(makeHost(), name)).state, 'pending');
    assert.equal((await enrol(host, newName())).state, 'pending');
  });

  it('goes with the next run where an operator removed the host', async () => {
    const { hostId } = await pending();
    await removeHost(fleet.verifier, BY, hostId, { reason: 'nobody knows it' });
    await runRetention(fleet.verifier, BY);
    assert.deepEqual(await storedOf(hostId), [0, 0, 0]);
  });

  it('is not what somebody decided about: hosts that were admitted, or revoked, stay', async () => {
    const { hostId } = await fleet.trustedHost();
    const refused = await pending();
    await revokeHost(fleet.verifier, BY, refused.hostId, { reason: 'a stranger' });
    for (const id of [hostId, refused.hostId]) await aged(id);
    await runRetention(fleet.verifier, BY);
    for (const id of [hostId, refused.hostId]) assert.equal((await storedOf(id))[0], 1);
  });

  it('fills no host’s waiting places for ever', async () => {
    const { name } = await fleet.trustedHost();
    for (let offer = 0; offer < 16; offer += 1) {
      await assert.rejects(enrol(makeHost(), name), { code: 'REPLACEMENT_QUEUED' });
    }
    await assert.rejects(enrol(makeHost(), name), { code: 'REPLACEMENTS_FULL' });
    await sql(`UPDATE replacements SET first_at = first_at - interval '31 days'`);
    const { removed } = await runRetention(fleet.verifier, BY);
    assert.equal(removed.find(({ kind }) => kind === 'waitingOffers')?.rows, 16);
    const { replacements } = await viewReplacements(fleet.verifier);
    assert.ok(!replacements.some(({ hostName }) => hostName === name));
    await assert.rejects(enrol(makeHost(), name), { code: 'REPLACEMENT_QUEUED' });
  });

  describe('in the audit log', () => {
    const linesOn = async (subject: string) => {
      const rows = await sql(
        `SELECT detail FROM audit WHERE action = 'host.enrol.refused' AND subject = $1`,
        [subject],
      );
      return rows.map(({ detail }) => String(detail));
    };

    it('is one line an hour of refused enrolments, which says how many there were', async () => {
      const { name } = await fleet.trustedHost();
      const next = makeHost();
      const refuse = () => assert.rejects(enrol(next, name), { code: 'REPLACEMENT_QUEUED' });
      for (const _ of [1, 2, 3, 4, 5]) await refuse();
      assert.equal((await linesOn(name)).length, 1);
      assert.equal(await alerts('REPLACEMENT_QUEUED', name), 5);
      await sql(`UPDATE alerts SET audited_at = audited_at - interval '61 minutes'`);
      await refuse();
      await refuse();
      const lines = await linesOn(name);
      assert.equal(lines.length, 2);
      assert.ok(lines.some((line) => line.endsWith('; 6 times by now')));
    });
  });
});

describe('Hosts that wait for a person', () => {
  const fleet = useFleet();
  const { newName, joinToken, enrol, alerts } = fleet;

  it('are 4,096 at most: PENDING_FULL, but for who has a join token; others are listed first', async () => {
    const { name } = await fleet.trustedHost();
    const { hostId } = await enrol(makeHost(), newName());
    await addCopiesOf(fleet.verifier.asAdministrator, hostId, {
      ...{ from: 2, to: 4096 },
      changed: `jsonb_build_object(
        'id', gen_random_uuid(), 'name', 'a-' || n, 'ek_ref', md5(n::text) || md5(n::text),
        'ak_name', '000b' || md5(n::text) || md5(n::text))`,
    });
    const refused = newName();
    for (const _ of [1, 2]) {
      await assert.rejects(enrol(makeHost(), refused), { code: 'PENDING_FULL', status: 503 });
    }
    assert.equal(await alerts('PENDING_FULL', 'pending hosts'), 2);
    await assert.rejects(viewHost(fleet.verifier, refused), { code: 'HOST_UNKNOWN' });
    assert.equal((await enrol(makeHost(), newName(), await joinToken())).state, 'untrusted');
    const { hosts } = await viewHosts(fleet.verifier, FIRST_PAGE);
    assert.ok(hosts.findIndex((host) => host.name === name) < 2);
    await removeHost(fleet.verifier, BY, 'a-2', { reason: 'a stranger' });
    assert.equal((await enrol(makeHost(), refused)).state, 'pending');
    const { entries } = await listAuditLog(fleet.verifier, FIRST_PAGE);
    assert.ok(entries.some(({ detail }) => detail.startsWith('PENDING_FULL: 4096 wait')));
  });
});
