import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { attack } from '../../test/support/attack.ts';
import type { PostgresLogin } from '../../test/support/postgres.ts';
import { viewAlerts } from '../services/alerts.ts';
import { approveBaselines } from '../services/approve-baselines.ts';
import { captureBaseline } from '../services/baselines.ts';
import { viewReplacements } from '../services/decide-replacement.ts';
import { explainHost, viewHost, viewHosts } from '../services/host-views.ts';
import { listAuditLog, listDrafted, listJoining } from '../services/lists.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import type { Verifier } from '../services/verifier.ts';
import { viewStarts } from '../services/vms.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { checkSchema, migrate } from '../store/migrate.ts';
import { makeHost } from './support/made-host.ts';
import { BY, useFleet } from './support/made-fleet.ts';

const MIGRATIONS = fileURLToPath(new URL('../store/migrations', import.meta.url));
/** The first migration that the older version has not. */
const BEFORE = '0006';
const ROLES = ['server_migrate', 'server', 'server_read'] as const;

describe('A database of an older version', () => {
  const fleet = useFleet();
  const open: Database[] = [];
  afterEach(() => Promise.all(open.splice(0).map((database) => database.close())));

  const createDatabase = (name: string) => fleet.verifier.postgres.createDatabase(name, ROLES);
  const quiet = () => {};
  const over = (login: PostgresLogin): Verifier => {
    const database = openDatabase(login, quiet);
    open.push(database);
    return { ...fleet.verifier, database };
  };

  /** As that version left it. */
  async function migrateTo(login: PostgresLogin, before: string): Promise<void> {
    const dir = await mkdtemp(join(tmpdir(), 'ts-older-'));
    try {
      const older = (await readdir(MIGRATIONS)).filter((name) => name < before);
      for (const name of older) await cp(join(MIGRATIONS, name), join(dir, name));
      await runner({
        ...{ databaseUrl: { ...login }, dir, direction: 'up', migrationsTable: 'pgmigrations' },
        ...{ checkOrder: true, singleTransaction: true, log: quiet },
      });
    } finally {
      await rm(dir, { recursive: true });
    }
  }

  /** Every row of this fleet's database, with the columns that the older tables have. */
  async function fillFrom(database: string): Promise<void> {
    const { postgres } = fleet.verifier;
    const tables = await postgres.query(
      database,
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'pgmigrations'`,
    );
    for (const { name } of tables.rows as { name: string }[]) {
      const { rows } = await postgres.query(
        'server',
        `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text AS all FROM ${name} t`,
      );
      await postgres.query(
        database,
        `SET session_replication_role = replica; DELETE FROM ${name};
         INSERT INTO ${name} SELECT * FROM jsonb_populate_recordset(NULL::${name},
           $rows$${(rows[0] as { all: string }).all}$rows$)`,
      );
    }
  }

  it('has the same answers after it, for all that was stored: T13', () =>
    attack('T13', async () => {
      const { host, hostId, name, vm } = await fleet.vmOfTrusted();
      await takePermitRequest(
        fleet.verifier,
        fleet.permitEvidence(host, hostId, fleet.requestFor(vm)),
      );
      const evidence = fleet.evidenceOf(host, hostId);
      const answer = await takeAttestation(fleet.verifier, evidence);
      const pending = await fleet.enrol(makeHost(), fleet.newName());
      await assert.rejects(fleet.enrol(makeHost(), name), { code: 'REPLACEMENT_QUEUED' });

      const answersOf = async (verifier: Verifier) => ({
        hosts: await viewHosts(verifier, FIRST_PAGE),
        detail: await viewHost(verifier, hostId),
        explained: await explainHost(verifier, hostId),
        waiting: await explainHost(verifier, pending.hostId),
        replacements: await viewReplacements(verifier),
        starts: await viewStarts(verifier, vm, FIRST_PAGE),
        baselines: await listDrafted(verifier, FIRST_PAGE),
        joinTokens: await listJoining(verifier, FIRST_PAGE),
        audit: await listAuditLog(verifier, FIRST_PAGE),
        alerts: (await viewAlerts(verifier, { all: true })).alerts.map(
          ({ code, subject, count }) => [...[code, subject, count]],
        ),
      });
      const before = await answersOf(fleet.verifier);
      assert.ok(before.audit.entries.length > 5 && before.explained.events.length > 0);

      const logins = await createDatabase('older');
      await migrateTo(logins.server_migrate, BEFORE);
      await fillFrom('older');
      const upgraded = over(logins.server);
      await assert.rejects(checkSchema(upgraded.database), { code: 'SCHEMA_OLDER' });
      await migrate(logins.server_migrate, quiet);
      await checkSchema(upgraded.database);
      assert.deepEqual(await answersOf(upgraded), before);

      // What was answered is answered again, what is stored verifies again, and what comes is taken.
      assert.deepEqual(await takeAttestation(upgraded, evidence), answer);
      await captureBaseline(upgraded, BY, hostId, { name, labels: {} });
      await approveBaselines(upgraded, BY, name, {});
      const { state } = await takeAttestation(upgraded, fleet.evidenceOf(host, hostId));
      assert.equal(state, 'trusted');
      await assert.rejects(takeAttestation(upgraded, evidence), { code: 'EVIDENCE_SUPERSEDED' });
      return { outcome: 'T' };
    }));

  it('is migrated by one of two at once, and the other finds nothing left to do', async () => {
    const logins = await createDatabase('twice');
    await Promise.all([1, 2, 3].map(() => migrate(logins.server_migrate, quiet)));
    await checkSchema(over(logins.server).database);
  });

  it('that is of a newer one is neither served nor migrated, and nothing changes: SCHEMA_NEWER', async () => {
    const logins = await createDatabase('newer');
    await migrateTo(logins.server_migrate, '0003');
    const { postgres } = fleet.verifier;
    await postgres.query(
      'newer',
      `INSERT INTO pgmigrations (name, run_on) VALUES ('9999_later', now())`,
    );
    await assert.rejects(migrate(logins.server_migrate, quiet), { code: 'SCHEMA_NEWER' });
    await assert.rejects(checkSchema(over(logins.server).database), {
      code: 'SCHEMA_NEWER',
      remedy: /newer version/u,
    });
    const { rows } = await postgres.query('newer', 'SELECT count(*)::int AS n FROM pgmigrations');
    assert.deepEqual(rows, [{ n: 3 }]);
  });

  it('that was never migrated is not served: SCHEMA_OLDER', async () => {
    const logins = await createDatabase('bare');
    await assert.rejects(checkSchema(over(logins.server).database), {
      code: 'SCHEMA_OLDER',
      remedy: /migrate/u,
    });
  });
});
