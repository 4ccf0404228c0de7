import assert from 'node:assert/strict';
import { approveBaselines } from '../services/approve-baselines.ts';
import { dailyRun } from '../services/daily-run.ts';
import { captureBaseline } from '../services/baselines.ts';
import { explainHost, requireHost } from '../services/host-views.ts';
import { labelHost } from '../services/label-host.ts';
import { listAuditLog } from '../services/lists.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { removeDue, runRetention, viewRetention } from '../services/retention.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { viewStarts } from '../services/vms.ts';
import { evidenceByDigest } from '../store/evidence.ts';
import { removeNext, setRetention } from '../store/retention.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';
import { makeAuditPast, makeItPast } from './support/made-past.ts';

describe('Retention', () => {
  const fleet = useFleet();
  const { attest, trustedHost } = fleet;
  const sql = (text: string, values: unknown[] = []) =>
    fleet.verifier.asAdministrator(text, values);
  const count = async (table: string, where = 'true') =>
    Number((await sql(`SELECT count(*)::int AS n FROM ${table} WHERE ${where}`))[0]?.['n']);
  const sorted = (parts: readonly { part: string }[]) => parts.map(({ part }) => part).toSorted();

  describe('of what attested hosts leave behind', () => {
    it('removes days that had their time, and says so before, afterwards and in the audit log', async () => {
      const { host, hostId } = await trustedHost();
      await attest(host, hostId);
      const oldest = async () =>
        (await viewRetention(fleet.verifier)).kinds.find(({ kind }) => kind === 'attestations')
          ?.since;
      assert.ok(Date.parse((await oldest()) ?? '') > Date.now() - 2 * 86_400_000);
      await makeItPast(fleet.verifier, 40);
      await attest(host, hostId);
      assert.ok(Date.parse((await oldest()) ?? '') < Date.now() - 40 * 86_400_000);
      const due = (await viewRetention(fleet.verifier)).due;
      // The context of before the approval is nobody's any more.
      const kinds = new Set(due.map(({ kind }) => kind));
      assert.deepEqual(kinds, new Set(['attestations', 'evidence', 'blobs']));
      const before = {
        attestations: await count('attestations'),
        evidence: await count('evidence'),
      };
      assert.deepEqual(
        { attestations: await count('attestations'), evidence: await count('evidence') },
        before,
        'looking changes nothing',
      );

      const noted = (await listAuditLog(fleet.verifier, FIRST_PAGE)).entries.at(-1)?.sequence ?? 0;
      const { removed } = await runRetention(fleet.verifier, BY);
      assert.deepEqual(sorted(removed), sorted(due));
      const gist = (all: typeof due) =>
        all.map(({ part, rows, kept, since, until }) => ({ part, rows, kept, since, until }));
      const byPart = (a: { part: string }, b: { part: string }) => (a.part < b.part ? -1 : 1);
      assert.deepEqual(gist(removed).toSorted(byPart), gist(due).toSorted(byPart));
      const went = removed
        .filter(({ kind }) => kind === 'attestations')
        .reduce((sum, { rows }) => sum + rows, 0);
      assert.ok(went >= 2);
      assert.equal(await count('attestations'), before.attestations - went);
      assert.equal(await count('pg_class', `relname = '${removed[0]?.part}'`), 0);

      const { entries } = await listAuditLog(fleet.verifier, FIRST_PAGE);
      const lines = entries.filter(
        ({ action, sequence }) => action === 'retention.remove' && sequence > noted,
      );
      assert.deepEqual(lines.map(({ subject }) => subject).toSorted(), sorted(removed));
      assert.ok(lines.every(({ actor }) => actor.startsWith('olga/')));
      assert.match(lines[0]?.detail ?? '', /^\d+ rows.*, \d+ bytes, \d{4}-/u);
      assert.deepEqual((await viewRetention(fleet.verifier)).due, []);
      assert.deepEqual((await removeDue(fleet.verifier, 'test')).removed, []);
    });

    it('keeps what a host that fell silent rests on, whole, for as long as it is silent', async () => {
      const { host, hostId, name } = await trustedHost();
      const evidence = fleet.evidenceOf(host, hostId);
      const answer = await takeAttestation(fleet.verifier, evidence);
      const before = await explainHost(fleet.verifier, name);
      await makeItPast(fleet.verifier, 1_000);
      const { removed } = await removeDue(fleet.verifier, 'test');
      assert.ok(removed.some(({ kind, kept }) => kind === 'attestations' && kept > 0));

      const after = await explainHost(fleet.verifier, name);
      assert.notEqual(after.verdict, null);
      assert.equal(after.verdict, before.verdict);
      assert.ok(after.events.length > 0);
      assert.deepEqual(after.events, before.events);
      assert.deepEqual(after.findings, before.findings);
      // The same evidence again gets its answer, and is there to be appraised again, logs and all.
      assert.deepEqual(await takeAttestation(fleet.verifier, evidence), answer);
      const { markEvidence: id, markEvidenceDay: day } = await requireHost(
        fleet.verifier.database,
        name,
      );
      assert.equal(day, '-infinity');
      const stored = await evidenceByDigest(fleet.verifier.database, { id, day });
      assert.deepEqual(stored?.evidence, evidence);

      // And so is all that the verdict was made from.
      const contexts = `attestations_kept a JOIN contexts c ON c.digest = a.shared_context`;
      assert.equal(await count(contexts, `a.host_id = '${hostId}'`), 1);
      const lost = 'NOT EXISTS (SELECT FROM blobs b WHERE b.digest = needed)';
      assert.equal(await count(`${contexts}, unnest(c.digest || c.documents) needed`, lost), 0);

      // Once it speaks again, nothing rests on what was kept for it.
      await attest(host, hostId);
      const again = await removeDue(fleet.verifier, 'test');
      assert.ok(again.removed.some(({ part }) => part === 'attestations_kept'));
      assert.equal(await count('attestations_kept', `host_id = '${hostId}'`), 0);
    });

    it('keeps what a captured baseline was captured from, until it is retired', async () => {
      const { host, hostId, name } = await trustedHost();
      const [held] = await sql(`SELECT DISTINCT evidence FROM baselines WHERE name = $1`, [name]);
      const digest = held?.['evidence'] as string;
      await makeItPast(fleet.verifier, 50);
      await attest(host, hostId);
      await removeDue(fleet.verifier, 'test');
      assert.equal(await count('evidence', `digest = '${digest}'`), 1);
      await captureBaseline(fleet.verifier, BY, hostId, { name, labels: {} });
      await approveBaselines(fleet.verifier, BY, name, {});
      await removeDue(fleet.verifier, 'test');
      assert.equal(await count('evidence', `digest = '${digest}'`), 0);
    });

    it('removes no evidence before the verdicts of its day', async () => {
      const { host, hostId } = await trustedHost();
      await makeItPast(fleet.verifier, 70);
      await attest(host, hostId);
      assert.equal(await removeNext(fleet.verifier.database, 'evidence'), null);
      assert.notEqual(await removeNext(fleet.verifier.database, 'attestations'), null);
      assert.notEqual(await removeNext(fleet.verifier.database, 'evidence'), null);
      await removeDue(fleet.verifier, 'test');
    });

    it('deletes logs that no evidence refers to, and none that some does', async () => {
      const { host, hostId } = await trustedHost();
      const ofContexts = '(SELECT unnest(digest || documents) FROM contexts)';
      const logCount = () => count('blobs', `digest NOT IN ${ofContexts}`);
      const logs = await logCount();
      await makeItPast(fleet.verifier, 60);
      host.reboot('otherwise');
      await attest(host, hostId);
      assert.equal(await logCount(), logs + 1);
      await sql(`UPDATE baselines SET state = 'retired', evidence_day = NULL`);
      await sql(
        `UPDATE hosts SET mark_evidence = h.mark_evidence, mark_evidence_day = h.mark_evidence_day
                   FROM hosts h WHERE h.id = $1`,
        [hostId],
      );
      await sql(
        `UPDATE hosts SET latest_attestation = h.latest_attestation,
                   latest_attestation_day = h.latest_attestation_day FROM hosts h WHERE h.id = $1`,
        [hostId],
      );
      await removeDue(fleet.verifier, 'test');
      const lost = await count(
        'evidence e, unnest(e.blobs) blob',
        'NOT EXISTS (SELECT FROM blobs b WHERE b.digest = blob)',
      );
      assert.equal(lost, 0);
      assert.equal(await logCount(), 1);
    });

    it('keeps what a person still has to decide about', async () => {
      const { host, hostId, name } = await trustedHost();
      await assert.rejects(fleet.enrol(makeHost(), name), { code: 'REPLACEMENT_QUEUED' });
      await makeItPast(fleet.verifier, 50);
      await attest(host, hostId);
      await removeDue(fleet.verifier, 'test');
      const held = `digest IN (SELECT evidence FROM replacements r WHERE r.host_id = '${hostId}')`;
      assert.equal(await count('evidence', held), 1);
    });

    it('keeps what a decision was made from for as long as the decision', async () => {
      const { host, hostId } = await trustedHost();
      await attest(host, hostId);
      await labelHost(fleet.verifier, BY, hostId, { set: { rack: '1' }, remove: [] });
      await attest(host, hostId);
      await makeItPast(fleet.verifier, 50);
      await attest(host, hostId);
      // Made on evidence that had been there for long.
      const decided = `host_id = '${hostId}' AND cause = 'host-approval'`;
      await sql(
        `UPDATE attestations SET at = now(), day = (now() AT TIME ZONE 'UTC')::date WHERE ${decided}`,
      );
      await removeDue(fleet.verifier, 'test');
      const held = `digest IN (SELECT evidence FROM attestations WHERE ${decided})`;
      assert.equal(await count('evidence', held), 1);
    });
  });

  it('of starts and of the audit log goes by months, and the chain goes on', async () => {
    const { host, hostId, vm } = await fleet.vmOfTrusted();
    const permit = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
    await takePermitRequest(fleet.verifier, permit);
    await makeItPast(fleet.verifier, 500);
    assert.equal((await viewStarts(fleet.verifier, vm, FIRST_PAGE)).starts.length, 1);
    const { removed } = await removeDue(fleet.verifier, 'test');
    assert.ok(removed.some(({ kind, rows }) => kind === 'starts' && rows === 1));
    assert.equal((await viewStarts(fleet.verifier, vm, FIRST_PAGE)).starts.length, 0);

    await makeAuditPast(fleet.verifier, 500);
    const last = (await listAuditLog(fleet.verifier, FIRST_PAGE)).entries.at(-1);
    const nothing = await removeDue(fleet.verifier, 'test');
    assert.deepEqual(nothing.removed, [], 'the newest line is never removed');
    await fleet.joinToken();
    const audit = (await removeDue(fleet.verifier, 'test')).removed.find(
      ({ kind }) => kind === 'audit',
    );
    assert.equal(audit?.note, `the chain goes on from line ${last?.sequence}, hash ${last?.hash}`);
    const { entries } = await listAuditLog(fleet.verifier, FIRST_PAGE);
    assert.equal(entries[0]?.sequence, (last?.sequence ?? 0) + 1);
    assert.match(entries.at(-1)?.detail ?? '', new RegExp(last?.hash ?? 'none', 'u'));
  });

  it('of tokens, sessions and alerts goes by when they ended, and takes none that holds', async () => {
    await sql(`DELETE FROM join_tokens; DELETE FROM alerts; DELETE FROM browser_sessions; DELETE FROM api_tokens;
      INSERT INTO api_tokens (id, name, secret_hash, roles, created_at, expires_at, revoked_at)
        SELECT gen_random_uuid(), name, sha256(name::bytea), '{viewer}', now() - interval '999 days', e, r
          FROM (VALUES ('ended', now() - interval '91 days', NULL), ('revoked', NULL, now() - interval '91 days'),
                       ('late', now() - interval '89 days', NULL), ('lasting', NULL, NULL)) v (name, e, r);
      INSERT INTO browser_sessions SELECT sha256(name::bytea), id, now(), now() + interval '1 hour'
        FROM api_tokens WHERE name IN ('revoked', 'lasting');
      INSERT INTO join_tokens (id, secret_hash, classes, labels, uses_left, approve, created_by, expires_at)
        SELECT gen_random_uuid(), sha256(d::text::bytea), '{software}', '{}', abs(d % 2), false, 'olga',
               now() - make_interval(days => d) FROM unnest(ARRAY[31, 32, 29, -1]) d;
      INSERT INTO alerts (code, subject, detail, acknowledged_at, acknowledged_by)
        VALUES ('OLD', 'a', '', now() - interval '91 days', 'olga'), ('OPEN', 'b', '', NULL, NULL),
               ('NEW', 'c', '', now(), 'olga')`);
    const { removed } = await removeDue(fleet.verifier, 'test');
    assert.deepEqual(
      removed.map(({ part, rows }) => [part, rows]),
      [
        ['browser_sessions', 1],
        ['api_tokens', 2],
        ['join_tokens', 2],
        ['alerts', 1],
      ],
    );
    const names = (await sql('SELECT name FROM api_tokens ORDER BY name')).map(({ name }) => name);
    assert.deepEqual(names, ['lasting', 'late']);
    assert.equal(await count('alerts'), 2);
  });

  it('is run by one of ten replicas a day, and partitions are there for two weeks', async () => {
    await sql(`UPDATE retention_runs SET claimed_at = '-infinity'`);
    const last = await lastPart();
    await sql(`ALTER TABLE attestations DETACH PARTITION ${last}; DROP TABLE ${last}`);
    const runs = await Promise.all(Array.from({ length: 10 }, () => dailyRun(fleet.verifier)));
    assert.equal(runs.filter((run) => run !== null).length, 1);
    assert.equal(await dailyRun(fleet.verifier), null);
    assert.equal(await lastPart(), last);
  });
  const lastPart = async () =>
    (
      await sql(`SELECT part FROM dated_partitions WHERE kind = 'attestations'
                 ORDER BY first DESC LIMIT 1`)
    )[0]?.['part'] as string;

  describe('gives the server no way to remove anything else', () => {
    const denied = { code: '42501' };
    for (const text of [
      'DROP TABLE attestations_kept',
      'DELETE FROM evidence',
      'DELETE FROM blobs',
      'DELETE FROM starts',
      'DELETE FROM alerts',
      'DELETE FROM api_tokens',
      'UPDATE retention SET days = 1',
      "INSERT INTO retention VALUES ('hosts', 1, 1)",
      `SELECT make_partition('attestations', '2020-01-01')`,
      `SELECT * FROM remove_partition('attestations')`,
      `SELECT * FROM remove_rows('alerts')`,
      'SELECT * FROM attestations_kept',
      'SELECT * FROM due_blobs',
      `UPDATE attestations SET day = '-infinity'`,
    ]) {
      it(`not ${text}`, async () => {
        await assert.rejects(fleet.verifier.database.query(text), denied);
      });
    }

    it('not its newest partition, not a younger one than is said, not another table', async () => {
      const parts = await count('dated_partitions');
      const hosts = await count('hosts');
      for (const kind of [
        'attestations',
        'starts',
        'audit',
        'hosts',
        'baselines',
        'vms',
        `x'; DROP TABLE vms; --`,
      ]) {
        const { rows } = await fleet.verifier.database.query('SELECT * FROM retention_remove($1)', [
          kind,
        ]);
        assert.deepEqual(rows, [], kind);
      }
      assert.equal(await count('dated_partitions'), parts);
      assert.equal(await count('hosts'), hosts);
    });

    it('not what a host rests on, even by the owner: the key holds it', async () => {
      const { hostId } = await trustedHost();
      const [row] = await sql(
        'SELECT latest_attestation_day::text AS day FROM hosts WHERE id = $1',
        [hostId],
      );
      const day = row?.['day'];
      const part = `attestations_${String(day).replaceAll('-', '')}`;
      await assert.rejects(sql(`ALTER TABLE attestations DETACH PARTITION ${part}`), {
        code: '23503',
      });
      await assert.rejects(sql(`DROP TABLE ${part}`), { code: '2BP01' });
    });
  });

  it('is not set below the least there is: RETENTION_TOO_SHORT', async () => {
    const owner = {
      query: async (text: string, values?: readonly unknown[]) => {
        const rows = await sql(text, [...(values ?? [])]);
        return { rows: rows as never[], rowCount: rows.length };
      },
    };
    await assert.rejects(setRetention(owner, { attestations: 7, audit: 89 }), {
      code: 'RETENTION_TOO_SHORT',
    });
    assert.equal(await count('retention', 'days = 7'), 0);
    await setRetention(owner, { attestations: 7 });
    const { kinds } = await viewRetention(fleet.verifier);
    assert.equal(kinds.find(({ kind }) => kind === 'attestations')?.days, 7);
    await setRetention(owner, { attestations: 30 });
  });
});
