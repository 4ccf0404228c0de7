import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** Statements that take back what was written, that make things, or that read what is nobody's here. */
const FORBIDDEN = [
  `UPDATE audit SET detail = ''`,
  'DELETE FROM audit',
  'TRUNCATE audit',
  'DROP TABLE audit',
  'DELETE FROM starts',
  'UPDATE starts SET permit_id = NULL',
  'UPDATE attestations SET verdict = verdict',
  'DELETE FROM evidence',
  'UPDATE evidence SET purpose = purpose',
  `UPDATE baselines SET document = '{}'`,
  'DELETE FROM hosts',
  'UPDATE api_tokens SET roles = roles',
  'UPDATE deployment SET id = id',
  'UPDATE certificates SET not_after = now()',
  'DELETE FROM certificates',
  'DELETE FROM endorsement_keys',
  'CREATE TABLE made (a integer)',
  'CREATE TEMPORARY TABLE made (a integer)',
  'CREATE SCHEMA made',
  `CREATE FUNCTION made() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
  'ALTER ROLE CURRENT_USER SUPERUSER',
  'SET ROLE server_migrate',
  'SET ROLE touchstone_admin',
  'SELECT * FROM pg_authid',
  `SELECT pg_read_file('/etc/passwd')`,
  `COPY (SELECT 1) TO PROGRAM 'true'`,
] as const;

const INSUFFICIENT_PRIVILEGE = '42501';
const UNDEFINED_TABLE = '42P01';
const INVALID_PASSWORD = '28P01';

describe('A deployment', () => {
  let touchstone: Touchstone;

  before(async () => {
    const umask = process.umask(0);
    try {
      touchstone = await startTouchstone();
    } finally {
      process.umask(umask);
    }
  });
  after(() => touchstone?.stop());

  async function connect(user: string, database: string, password?: string): Promise<pg.Client> {
    const file = join(touchstone.directory, 'secrets', `postgres-${user}`);
    const client = new pg.Client({
      host: join(touchstone.directory, 'postgres', 'socket'),
      port: 5432,
      user,
      database,
      password: password ?? (await readFile(file, 'utf8')),
    });
    await client.connect();
    return client;
  }

  it('keeps every file to its owner, whatever the umask that it was made under', async () => {
    const open: string[] = [];
    const look = async (path: string): Promise<void> => {
      const status = await stat(path);
      if (status.isSocket()) return;
      if ((status.mode & 0o077) !== 0) open.push(path);
      if (!status.isDirectory()) return;
      await Promise.all((await readdir(path)).map((name) => look(join(path, name))));
    };
    await look(touchstone.directory);
    assert.deepEqual(open, [touchstone.directory], 'that one others may pass through');
    assert.equal((await stat(touchstone.directory)).mode & 0o777, 0o711);
  });

  for (const [user, database] of [
    ['server', 'touchstone'],
    ['server_read', 'touchstone'],
    ['ca', 'touchstone_ca'],
  ] as const) {
    it(`gives the role ${user} no more than its work takes`, async () => {
      const client = await connect(user, database);
      const outcomes: Record<string, string> = {};
      try {
        for (const statement of FORBIDDEN) {
          await client.query('BEGIN');
          await client.query(statement).then(
            () => (outcomes[statement] = 'was done'),
            ({ code }: pg.DatabaseError) => (outcomes[statement] = code ?? 'unknown'),
          );
          await client.query('ROLLBACK');
        }
      } finally {
        await client.end();
      }
      const refused = [INSUFFICIENT_PRIVILEGE, UNDEFINED_TABLE];
      const strange = Object.entries(outcomes).filter(([, code]) => !refused.includes(code));
      assert.deepEqual(strange, []);
    });

    it(`lets the role ${user} into no other database, and nobody in its name`, async () => {
      const others = ['touchstone', 'touchstone_ca', 'postgres', 'template1'];
      for (const other of others.filter((name) => name !== database)) {
        await assert.rejects(connect(user, other), { code: INSUFFICIENT_PRIVILEGE });
      }
      await assert.rejects(connect(user, database, ''), Error);
      await assert.rejects(connect(user, database, 'wrong'), { code: INVALID_PASSWORD });
    });
  }
});
