import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import type { StartRequest } from '@touchstone/schemas';
import { appendAudit, listAudit } from '../store/audit.ts';
import { createFirstToken } from '../services/api-tokens.ts';
import { checkSchema } from '../store/migrate.ts';
import type { Mark } from '../store/host.ts';
import { insertHost } from '../store/host-changes.ts';
import { moveMark } from '../store/host-mark.ts';
import { hostById } from '../store/hosts.ts';
import { dayOf } from '../store/day.ts';
import { takeJoinToken, insertJoinToken } from '../store/join-tokens.ts';
import { answeredRequests, insertStarts } from '../store/starts.ts';
import { hashOfToken } from '../services/secret-token.ts';
import { type MadeVerifier, startVerifier } from './support/made-verifier.ts';

/** Partitions are there for the days around the database's today. */
const NOW = new Date();
const DAY = dayOf(NOW);
const PERMISSION_DENIED = { code: '42501' };

describe('The store', () => {
  let verifier: MadeVerifier;
  before(async () => {
    verifier = await startVerifier();
  });
  after(() => verifier?.stop());

  const digest = () => `${randomUUID()}${randomUUID()}`.replaceAll('-', '');
  const mark = (resetCount: bigint, restartCount: bigint, clock: bigint): Mark => ({
    resetCount,
    restartCount,
    clock,
  });

  /** A host whose evidence and attestation are rows without contents. */
  async function storedHost(at: Mark) {
    const id = randomUUID();
    const akName = `000b${digest()}`;
    const attestation = randomUUID();
    const evidence = await storedEvidence();
    await verifier.database.transaction(async (on) => {
      await insertHost(on, {
        ...{ id, name: `h${id.slice(0, 8)}`, state: 'pending', untrustedResetCount: null },
        ...{ stateSince: NOW, class: 'software', admissibleClasses: [], labels: {} },
        ...{ ekRef: digest(), akName, akPublic: Buffer.alloc(1), akCertificate: Buffer.alloc(1) },
        ...{ approvedAkName: null, enrolledAt: NOW, mark: at, markEvidence: evidence },
        ...{ markEvidenceDay: DAY, latestAttestationDay: DAY },
        ...{ lastAuthenticAt: NOW, latestAttestation: attestation, bundleEpoch: 1 },
        bindingPublic: Buffer.alloc(1),
      });
      await on.query(
        `INSERT INTO attestations (id, host_id, at, cause, evidence, class, labels, baselines, policy_id,
           verdict, state, self_reported, findings, events, result, answer, day)
         VALUES ($1, $2, $3, 'evidence', $4, 'software', '{}', '[]', '', 'none', 'pending', true, '[]',
           '[]', '', NULL, $5)`,
        [attestation, id, NOW, evidence, DAY],
      );
    });
    return { id, akName, attestation };
  }
  async function storedEvidence(): Promise<string> {
    const evidence = digest();
    await verifier.database.query(
      `INSERT INTO evidence (digest, purpose, statement, attest, signature, pcrs, blobs, selection,
         ak_certificate, received_at, day)
       VALUES ($1, 'attest', '', '', '', '{}', '{}', '{}', '', $2, $3)`,
      [evidence, NOW, DAY],
    );
    return evidence;
  }
  const move = async (akName: string, to: Mark, evidence?: string) =>
    moveMark(verifier.database, {
      akName,
      mark: to,
      evidence: evidence ?? (await storedEvidence()),
      statementVersion: 1,
      tellsOfGate: false,
      now: NOW,
    });

  describe('moves the mark', () => {
    const MAX = 2n ** 64n - 1n;
    const table: { from: Mark; to: Mark; moves: boolean; given: string }[] = [
      { given: 'a later clock', from: mark(7n, 1n, 100n), to: mark(7n, 1n, 101n), moves: true },
      {
        given: 'the same counters',
        from: mark(7n, 1n, 100n),
        to: mark(7n, 1n, 100n),
        moves: false,
      },
      { given: 'an earlier clock', from: mark(7n, 1n, 100n), to: mark(7n, 1n, 99n), moves: false },
      { given: 'a later restart', from: mark(7n, 1n, 100n), to: mark(7n, 2n, 0n), moves: true },
      {
        given: 'an earlier restart',
        from: mark(7n, 1n, 100n),
        to: mark(7n, 0n, 999n),
        moves: false,
      },
      { given: 'a later boot', from: mark(7n, 9n, 100n), to: mark(8n, 0n, 0n), moves: true },
      { given: 'an earlier boot', from: mark(7n, 1n, 100n), to: mark(6n, 9n, 999n), moves: false },
      {
        given: 'clocks past 2^63',
        from: mark(7n, 1n, 2n ** 63n),
        to: mark(7n, 1n, 2n ** 63n + 1n),
        moves: true,
      },
      {
        given: 'the last clock there is',
        from: mark(7n, 1n, MAX - 1n),
        to: mark(7n, 1n, MAX),
        moves: true,
      },
      {
        given: 'a clock that is no later past 2^63',
        from: mark(7n, 1n, MAX),
        to: mark(7n, 1n, MAX - 1n),
        moves: false,
      },
    ];
    for (const { given, from, to, moves } of table) {
      it(`${moves ? 'by' : 'not by'} ${given}`, async () => {
        const { id, akName } = await storedHost(from);
        const moved = await move(akName, to);
        assert.equal(moved !== null, moves);
        assert.deepEqual((await hostById(verifier.database, id))?.mark, moves ? to : from);
      });
    }

    it('for one of ten deliveries at once', async () => {
      const { akName } = await storedHost(mark(7n, 1n, 100n));
      const evidence = await storedEvidence();
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, () => move(akName, mark(7n, 1n, 101n), evidence)),
      );
      assert.equal(outcomes.filter((moved) => moved !== null).length, 1);
    });
  });

  it('answers a request once, of ten at once', async () => {
    const { id, attestation } = await storedHost(mark(1n, 0n, 0n));
    const request: StartRequest = {
      ...{ requestId: randomUUID(), vm: randomUUID(), operation: 'start' },
      ...{ definitionDigest: digest(), imageDigests: [] },
    };
    const inserted = await Promise.allSettled(
      Array.from({ length: 10 }, () =>
        insertStarts(verifier.database, {
          ...{ hostId: id, at: NOW, attestation },
          starts: [{ request, decision: 'permitted', permitId: randomUUID() }],
        }),
      ),
    );
    assert.equal(inserted.filter(({ status }) => status === 'fulfilled').length, 1);
    const asked = [request.requestId, randomUUID()];
    const answered = await answeredRequests(verifier.database, id, asked);
    assert.deepEqual([...answered], [request.requestId]);
  });

  it('takes the one use of a join token once, of ten at once', async () => {
    const hash = hashOfToken('tsj_once');
    const record = {
      ...{
        id: randomUUID(),
        classes: ['software' as const],
        labels: {},
        usesLeft: 1,
        approve: false,
      },
      ...{ host: null, createdBy: 'olga', createdAt: NOW.toISOString(), revokedAt: null },
      expiresAt: new Date(NOW.getTime() + 1_000).toISOString(),
    };
    await insertJoinToken(verifier.database, record, hash);
    const wanted = { class: 'software' as const, name: 'hv1', now: NOW };
    const taken = await Promise.all(
      Array.from({ length: 10 }, () => takeJoinToken(verifier.database, hash, wanted)),
    );
    assert.equal(taken.filter((one) => one !== null).length, 1);
  });

  it('trusts nobody whose AK Name was not approved, whatever is written', async () => {
    const { id } = await storedHost(mark(1n, 0n, 0n));
    await assert.rejects(
      verifier.database.query(`UPDATE hosts SET state = 'trusted' WHERE id = $1`, [id]),
      { code: '23514' },
    );
  });

  it("makes the operator's first token once: FIRST_TOKEN_EXISTS", async () => {
    const outcomes = await Promise.allSettled([
      createFirstToken(verifier.database, NOW),
      createFirstToken(verifier.database, NOW),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    await assert.rejects(createFirstToken(verifier.database, NOW), { code: 'FIRST_TOKEN_EXISTS' });
  });

  describe('keeps the audit log', () => {
    it('as one chain, though ten append at once', async () => {
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          verifier.database.transaction((on) =>
            appendAudit(on, { actor: 'a\nb', action: 'test', subject: `${index}` }, NOW),
          ),
        ),
      );
      const latest = await listAudit(verifier.database, { limit: 1_000, after: null });
      const entries = latest.toReversed();
      let previous = '0'.repeat(64);
      for (const [index, { hash, ...entry }] of entries.entries()) {
        assert.equal(entry.sequence, index + 1);
        const { sequence, at, actor, action, subject, detail } = entry;
        const text = JSON.stringify([previous, sequence, at, actor, action, subject, detail]);
        assert.equal(hash, createHash('sha256').update(text).digest('hex'));
        previous = hash;
      }
      assert.equal(entries.at(-1)?.actor, 'a b');
    });

    for (const sql of [
      `UPDATE audit SET actor = 'nobody'`,
      'DELETE FROM audit',
      'TRUNCATE audit',
      'DROP TABLE audit',
      'ALTER TABLE audit DISABLE TRIGGER ALL',
    ]) {
      it(`against the server itself: ${sql}`, async () => {
        await assert.rejects(verifier.database.query(sql), PERMISSION_DENIED);
      });
    }
  });

  describe('gives the server no more than it needs', () => {
    for (const sql of [
      'CREATE TABLE mine ()',
      'CREATE TEMPORARY TABLE mine ()',
      'CREATE SCHEMA mine',
      'DELETE FROM attestations',
      `UPDATE attestations SET verdict = 'affirming'`,
      `UPDATE evidence SET attest = ''`,
      `UPDATE baselines SET document = '{}'`,
      `UPDATE starts SET decision = 'permitted'`,
      `UPDATE api_tokens SET roles = '{}'`,
      `INSERT INTO pgmigrations (name, run_on) VALUES ('x', now())`,
    ]) {
      it(`not ${sql}`, async () => {
        await assert.rejects(verifier.database.query(sql), PERMISSION_DENIED);
      });
    }
  });

  it('knows its schema, and refuses a newer one: SCHEMA_NEWER', async () => {
    await checkSchema(verifier.database);
    await verifier.asAdministrator(
      `INSERT INTO pgmigrations (name, run_on) VALUES ('9999_x', now())`,
    );
    await assert.rejects(checkSchema(verifier.database), { code: 'SCHEMA_NEWER' });
  });

  it('lets the server remove what is due by the functions for that alone, and whoever reads calls none', async () => {
    const mayCall = async (role: string) => {
      const rows = await verifier.asAdministrator(
        `SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
          WHERE nspname = 'public' AND has_function_privilege($1, pg_proc.oid, 'EXECUTE') ORDER BY 1`,
        [role],
      );
      return rows.map(({ proname }) => proname);
    };
    const granted = [
      'forget_older_of_pending',
      'issuer_key_of',
      'make_partitions_ahead',
      'refuse_permitted_start',
      'retention_due',
      'retention_remove',
      'retention_stock',
      'turn_start',
      'verdict_days',
    ];
    assert.deepEqual(await mayCall('server'), granted);
    assert.deepEqual(await mayCall('server_read'), []);
  });
});
