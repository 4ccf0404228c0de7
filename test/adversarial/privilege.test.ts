import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { attack } from '../support/attack.ts';
import { modesBelow, placesInUse } from '../support/exposure.ts';
import { everyRow, useSecrets } from '../support/secrets.ts';
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

  it('keeps every file to its owner, whatever the umask that it was made under (T11)', () =>
    attack('T11', async () => {
      const files = await modesBelow(touchstone.directory);
      assert.ok(files.size > 100, 'PostgreSQL’s alone are more');
      const open = [...files].filter(([, { isSocket, mode }]) => !isSocket && mode & 0o077);
      assert.deepEqual(
        open.map(([path]) => path),
        [touchstone.directory],
        'that one others may pass through',
      );
      assert.equal(files.get(touchstone.directory)?.mode, 0o711);
      // A socket's own mode lets PostgreSQL's clients in; the directory that it lies in lets nobody.
      const sockets = [...files].filter(([, { isSocket }]) => isSocket);
      assert.ok(sockets.length > 0);
      for (const [path] of sockets) assert.equal(files.get(dirname(path))?.mode, 0o700, path);
      return { outcome: 'HOLDS' };
    }));

  it('uses no place that anybody could have prepared for it: all lies in its directory (T11)', () =>
    attack('T11', async () => {
      const used = await placesInUse(touchstone.directory);
      assert.ok(used.processes >= 3, `${used.processes} processes were looked at`);
      assert.deepEqual(used.shared, []);
      return { outcome: 'HOLDS' };
    }));

  describe('keeps no secret in clear', () => {
    type Secrets = Readonly<Record<string, string>>;
    let secrets: Secrets;
    let errors: string;
    before(async () => {
      ({ secrets, errors } = await useSecrets(touchstone));
    });
    /** As it is, and as others might write it. */
    const shapes = (secret: string) => [
      secret,
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('base64url'),
    ];
    const absentFrom = (where: string, text: string) => {
      for (const [what, secret] of Object.entries(secrets)) {
        for (const shape of shapes(secret)) {
          assert.equal(text.includes(shape), false, `${what} is in ${where}`);
        }
      }
    };

    it('in either database, in any column (T10)', () =>
      attack('T10', async () => {
        for (const [user, database] of [
          ['server_migrate', 'touchstone'],
          ['ca_migrate', 'touchstone_ca'],
        ] as const) {
          const text = await everyRow(await connect(user, database));
          assert.ok(text.length > 1_000, database);
          absentFrom(database, text);
        }
        return { outcome: 'HOLDS' };
      }));

    it('in a log or in an answer that refuses (T10)', () =>
      attack('T10', async () => {
        for (const name of ['server', 'ca', 'postgres'] as const) {
          absentFrom(`${name}.log`, await touchstone.log(name));
        }
        assert.ok(errors.includes('JOIN_TOKEN_UNKNOWN') && errors.includes('ID_MALFORMED'));
        absentFrom('answers', errors);
        return { outcome: 'HOLDS' };
      }));
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
