import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { json } from 'node:stream/consumers';
import {
  Approval,
  ApprovalList,
  AuditList,
  CaOperator,
  CaOperatorCreated,
  CaOperatorList,
  CaSession,
  QuorumStatus,
} from '@touchstone/schemas';
import type { TSchema } from 'typebox';
import { attack } from '../../test/support/attack.ts';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { OPERATOR_ROUTES } from '../http/operator/operator-routes.ts';
import { type CaProcess, firstOperators, runCa, startCa } from './support/ca-process.ts';

const [ALONE, TOGETHER] = ['ca_alone', 'ca_together'];

describe('operators of the CA', () => {
  let postgres: Postgres;
  let ca: CaProcess;
  let shared: CaProcess;
  let token: string;
  let two: readonly string[];

  before(async () => {
    postgres = await startPostgres();
    [ca, shared] = await Promise.all([
      startCa(postgres, { database: ALONE }),
      startCa(postgres, { database: TOGETHER }),
    ]);
    [[token], two] = await Promise.all([firstOperators(ca), firstOperators(shared, 2)]);
  });
  after(async () => {
    await ca?.remove();
    await shared?.remove();
    await postgres?.stop();
  });

  type Method = 'GET' | 'POST' | 'DELETE';
  const callAt =
    (at: () => CaProcess) =>
    <T extends TSchema>(bearer: string, method: Method, path: string, schema: T, body?: unknown) =>
      at().client.request({
        ...{ method, path: `/v1/operator/${path}`, bearer, schema },
        ...(body === undefined ? {} : { body }),
      });
  const call = callAt(() => ca);
  const callShared = callAt(() => shared);
  const add = (body: object, by = token) =>
    call(by, 'POST', 'operators', CaOperatorCreated, { role: 'operator', ...body });
  const auditOf = async (at: typeof call, by: string) =>
    (await at(by, 'GET', 'audit', AuditList)).entries;
  /** Straight into the table, past all that the CA would say. */
  const query = (database: string, sql: string, values: unknown[] = []) =>
    postgres.query(database, sql, values);

  it('are given their first token once in the life of a CA: FIRST_OPERATOR_EXISTS', async () => {
    const { code, stdout, stderr } = await runCa('first-operator', '--config', ca.configFile);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /FIRST_OPERATOR_EXISTS/u);
  });

  it('are told whose their token is, and its hash alone is stored', async () => {
    const session = await call(token, 'GET', 'session', CaSession);
    assert.deepEqual(
      { ...session, tokenId: '' },
      {
        ...{ tokenId: '', name: 'first', person: 'first', role: 'operator', quorum: 1 },
        ca: 'https://ca.example:9443',
      },
    );
    const { rows } = await query(ALONE, 'SELECT to_jsonb(operators)::text AS row FROM operators');
    const stored = JSON.stringify(rows);
    assert.ok(!stored.includes(token));
    assert.ok(stored.includes(createHash('sha256').update(token).digest('hex')));
    assert.ok(!(ca.stderr() + shared.stderr()).includes(token));
  });

  describe('every call', () => {
    const refusedEverywhere = (authorization: string | null) =>
      attack('I29', async () => {
        for (const { method, path } of OPERATOR_ROUTES) {
          const { status, code } = await answerOf(ca.url, method, path, authorization);
          assert.deepEqual([status, code], [401, 'UNAUTHENTICATED'], `${method} ${path}`);
        }
        return { outcome: 'R', code: 'UNAUTHENTICATED' };
      });

    it('is refused without a token: I29', () => refusedEverywhere(null));

    it('is refused with what is none: I29', async () => {
      const wrong = [
        '',
        'Bearer',
        `Basic ${token}`,
        `Bearer ${token}x`,
        `Bearer tsc_${'A'.repeat(43)}`,
      ];
      for (const one of wrong) await refusedEverywhere(one);
    });

    it('is refused with a token that has expired, or was removed: I29', async () => {
      for (const column of ['expires_at', 'revoked_at']) {
        const { token: old, record } = await add({ name: 'old' });
        const sql = `UPDATE operators SET ${column} = now() - interval '1 second' WHERE id = $1`;
        await query(ALONE, sql, [record.id]);
        await refusedEverywhere(`Bearer ${old}`);
      }
    });

    it("is refused with another CA's token, or the server's: I29", async () => {
      assert.equal((await callShared(two[0] ?? '', 'GET', 'session', CaSession)).quorum, 2);
      await refusedEverywhere(`Bearer ${two[0] ?? ''}`);
      await refusedEverywhere(`Bearer ${token.replace('tsc_', 'tst_')}`);
    });

    it('that changes anything is refused to a viewer, and written down: I29', () =>
      attack('I29', async () => {
        const { token: viewer } = await add({ name: 'watcher', role: 'viewer' });
        for (const { method, path } of OPERATOR_ROUTES.filter(({ role }) => role === 'operator')) {
          const { status, code } = await answerOf(ca.url, method, path, `Bearer ${viewer}`);
          assert.deepEqual([status, code], [403, 'ROLE_MISSING'], `${method} ${path}`);
          const line = (await auditOf(call, token)).at(-1);
          assert.deepEqual([line?.action, line?.detail], [`${method} ${path}`, 'ROLE_MISSING']);
        }
        assert.equal((await call(viewer, 'GET', 'session', CaSession)).role, 'viewer');
        return { outcome: 'R', code: 'ROLE_MISSING' };
      }));
  });

  it('make tokens for others, which do not outlive theirs', async () => {
    const short = await add({ name: 'short', ttlSeconds: 600 });
    const { record } = await add({ name: 'long', ttlSeconds: 86_400 }, short.token);
    assert.equal(record.expiresAt, short.record.expiresAt);
    assert.equal(record.person, 'first');
    const { operators } = await call(token, 'GET', 'operators', CaOperatorList);
    assert.ok(operators.some(({ id }) => id === record.id));
  });

  it('remove tokens, which ends them at once, and never the last: OPERATOR_LAST', async () => {
    const { token: gone, record } = await add({ name: 'leaver' });
    assert.notEqual(
      (await call(token, 'DELETE', `operators/${record.id}`, CaOperator)).revokedAt,
      null,
    );
    await assert.rejects(call(gone, 'GET', 'session', CaSession), { code: 'UNAUTHENTICATED' });
    const all = await call(token, 'GET', 'operators?all=true', CaOperatorList);
    assert.ok(all.operators.some(({ id }) => id === record.id));
    const unknown = call(token, 'DELETE', `operators/${randomUUID()}`, CaOperator);
    await assert.rejects(unknown, { code: 'OPERATOR_UNKNOWN' });

    // One that ended after the call had begun is seen by whoever changes anything.
    const { token: late, record: ending } = await add({ name: 'late' });
    const ended = query(
      ALONE,
      `DO $$ BEGIN
         UPDATE operators SET revoked_at = now() WHERE id = '${ending.id}';
         FOR tries IN 1..300 LOOP
           EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted);
           PERFORM pg_sleep(0.01);
         END LOOP;
       END $$`,
    );
    const held = `SELECT FROM operators WHERE id = $1 FOR UPDATE SKIP LOCKED`;
    while ((await query(ALONE, held, [ending.id])).rowCount === 1);
    await assert.rejects(add({ name: 'heir' }, late), { code: 'UNAUTHENTICATED' });
    await ended;

    // Of two people where loosening takes two, both stay.
    const { operators } = await callShared(two[0] ?? '', 'GET', 'operators', CaOperatorList);
    const [second] = operators.filter(({ name }) => name === 'second');
    const last = callShared(two[0] ?? '', 'DELETE', `operators/${second?.id}`, CaOperator);
    await assert.rejects(last, { code: 'OPERATOR_LAST' });
    assert.equal((await callShared(two[1] ?? '', 'GET', 'session', CaSession)).name, 'second');
  });

  describe('where loosening takes two', () => {
    const [first, second] = [() => two[0] ?? '', () => two[1] ?? ''];
    const lower = (by: string) => callShared(by, 'POST', 'quorum', QuorumStatus, { quorum: 1 });
    const waiting = async () =>
      (await callShared(first(), 'GET', 'approvals', ApprovalList)).approvals;

    it('wait for another person, whichever of their tokens somebody uses: QUORUM_WAITING', async () => {
      await assert.rejects(lower(first()), { code: 'QUORUM_WAITING' });
      const mine = { name: 'mine', role: 'operator' };
      const { token: same } = await callShared(
        ...([first(), 'POST', 'operators', CaOperatorCreated, mine] as const),
      );
      await assert.rejects(lower(same), { code: 'QUORUM_WAITING' });
      assert.deepEqual(
        (await waiting()).map(({ action, person }) => [action, person]),
        [['quorum.lower', 'first']],
      );
    });

    it('take a first approval back, whose ever it is', async () => {
      const [{ id } = { id: '' }] = await waiting();
      const taken = await callShared(second(), 'POST', `approvals/${id}/withdrawal`, Approval);
      assert.equal(taken.state, 'withdrawn');
      const again = callShared(second(), 'POST', `approvals/${id}/withdrawal`, Approval);
      await assert.rejects(again, { code: 'APPROVAL_UNKNOWN' });
      assert.deepEqual(await waiting(), []);
    });

    it('do not make their own second person: QUORUM_WAITING', async () => {
      const other = { name: 'other', person: 'third', role: 'operator' };
      const make = (by: string) => callShared(by, 'POST', 'operators', CaOperatorCreated, other);
      await assert.rejects(make(first()), { code: 'QUORUM_WAITING' });
      // Who only reads is no voice, and takes one.
      const reader = { ...other, name: 'reader', role: 'viewer' };
      await callShared(first(), 'POST', 'operators', CaOperatorCreated, reader);
      const { record } = await make(second());
      assert.equal(record.person, 'third');
    });

    it('are not second to an approval of another content, that is late, or whose token ended', async () => {
      const make = (by: string, ttlSeconds: number) =>
        callShared(by, 'POST', 'operators', CaOperatorCreated, {
          ...{ name: 'fourth', person: 'fourth', role: 'operator', ttlSeconds },
        });
      await assert.rejects(make(first(), 600), { code: 'QUORUM_WAITING' });
      await assert.rejects(make(second(), 601), { code: 'QUORUM_WAITING' });
      await query(TOGETHER, `UPDATE approvals SET expires_at = now() WHERE state = 'waiting'`);
      await assert.rejects(make(second(), 600), { code: 'QUORUM_WAITING' });
      const sql = `UPDATE operators SET expires_at = $1 WHERE name = 'second'`;
      await query(TOGETHER, sql, [new Date(0)]);
      await assert.rejects(make(first(), 600), { code: 'QUORUM_WAITING' });
      await query(TOGETHER, sql, [null]);
      assert.equal((await make(second(), 600)).record.person, 'fourth');
    });

    it('lower the quorum together, and raise it alone where somebody could be the second', async () => {
      await assert.rejects(lower(first()), { code: 'QUORUM_WAITING' });
      assert.equal((await lower(second())).quorum, 1);
      const raise = { quorum: 2 };
      const raised = await callShared(first(), 'POST', 'quorum', QuorumStatus, raise);
      assert.deepEqual(raised, {
        quorum: 2,
        approvers: ['first', 'fourth', 'second', 'third'],
        waiting: 0,
      });
      const alone = call(token, 'POST', 'quorum', QuorumStatus, raise);
      await assert.rejects(alone, { code: 'QUORUM_UNREACHABLE' });
    });

    it('are one first and one second when they say the same at once', async () => {
      const asked = { name: 'fifth', person: 'fifth', role: 'operator' };
      const both = await Promise.allSettled(
        two.map((by) => callShared(by, 'POST', 'operators', CaOperatorCreated, asked)),
      );
      assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    });
  });

  describe('after a restore of the database', () => {
    it('have new tokens and no other, as many as the quorum takes, and no approval waits', async () => {
      const asked = { name: 'late', person: 'late', role: 'operator' };
      const first = callShared(two[0] ?? '', 'POST', 'operators', CaOperatorCreated, asked);
      await assert.rejects(first, { code: 'QUORUM_WAITING' });
      const { code, stdout } = await runCa('restored', '--config', shared.configFile);
      assert.equal(code, 0);
      const given = JSON.parse(stdout) as { token: string; second: { token: string } };
      for (const old of two) {
        const asking = callShared(old, 'GET', 'session', CaSession);
        await assert.rejects(asking, { code: 'UNAUTHENTICATED' });
      }
      two = [given.token, given.second.token];
      const people = await callShared(two[0] ?? '', 'GET', 'quorum', QuorumStatus);
      assert.deepEqual(people, {
        quorum: 2,
        approvers: ['restored', 'restored-second'],
        waiting: 0,
      });
    });
  });

  describe('leave an audit log', () => {
    it('in which every line holds to the one before', async () => {
      let previous = '0'.repeat(64);
      const entries = await auditOf(callShared, two[0] ?? '');
      for (const { hash, ...entry } of entries) {
        const { sequence, at, actor, action, subject, detail } = entry;
        const text = JSON.stringify([previous, sequence, at, actor, action, subject, detail]);
        assert.equal(hash, createHash('sha256').update(text).digest('hex'));
        previous = hash;
      }
      const actions = new Set(entries.map(({ action }) => action));
      for (const action of ['operator.add', 'quorum.lower', 'approval.first', 'approval.second']) {
        assert.ok(actions.has(action), action);
      }
    });

    it('that the CA itself can neither change nor shorten', async () => {
      for (const sql of ['UPDATE audit SET detail = $1', 'DELETE FROM audit WHERE detail = $1']) {
        const asRole = postgres.query(
          ALONE,
          `SELECT has_table_privilege('ca', 'audit', $1) AS may`,
          [sql.split(' ')[0]],
        );
        assert.deepEqual((await asRole).rows, [{ may: false }]);
      }
    });
  });
});

/** Past the client, which sends no header that is none. */
async function answerOf(
  url: string,
  method: string,
  path: string,
  authorization: string | null,
): Promise<{ status: number | undefined; code: string | undefined }> {
  const text = method === 'GET' ? '' : '{}';
  const asked = https.request(new URL(path.replace(':key', randomUUID()), url), {
    ...{ method, rejectUnauthorized: false },
    headers: {
      ...(authorization === null ? {} : { authorization }),
      ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': text.length }),
    },
  });
  // What is refused unread may be answered while it is still being sent.
  asked.on('error', () => undefined);
  asked.end(text);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const { code } = (await json(answer)) as { code?: string };
  return { status: answer.statusCode, code };
}
