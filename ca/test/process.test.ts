import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { CaBundle, EnrollmentChallenge, Health } from '@touchstone/schemas';
import { ProblemError } from '@touchstone/transport';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { type CaProcess, runCa, startCa } from './support/ca-process.ts';

const DATABASE = 'ca_process';

describe('the process of the CA', () => {
  let postgres: Postgres;
  let ca: CaProcess;

  before(async () => {
    postgres = await startPostgres();
    const bucket = { burst: 3, perSecond: 1 };
    ca = await startCa(postgres, {
      database: DATABASE,
      limits: { perAddress: bucket, total: bucket },
    });
  });
  after(async () => {
    await ca?.remove();
    await postgres?.stop();
  });

  const health = () => ca.client.request({ method: 'GET', path: '/v1/health', schema: Health });

  it('says on stdout that it is ready, and nothing else; logs are JSON on stderr', () => {
    const { port } = new URL(ca.url);
    assert.equal(ca.stdout(), `{"ready":true,"port":${port}}\n`);
    for (const line of ca.stderr().trimEnd().split('\n')) JSON.parse(line);
  });

  it('forgets certificates that ended long ago, at its start, and no other', async () => {
    const insert = (serial: number, daysAgo: number) =>
      postgres.query(
        DATABASE,
        `INSERT INTO certificates (serial, enrollment_id, ak_name, ek_ref, class, issuer_key_id, not_before, not_after)
         VALUES ($1, gen_random_uuid(), '', $2, 'software', '', now() - interval '999 days',
                 now() - make_interval(days => $3))`,
        [Buffer.alloc(16, serial), Buffer.alloc(32), daysAgo],
      );
    await postgres.query(
      DATABASE,
      `INSERT INTO endorsement_keys (ek_name, ek_ref, class, certificates) VALUES ('', $1, 'software', '{}')`,
      [Buffer.alloc(32)],
    );
    for (const [index, daysAgo] of [401, 399, -1].entries()) await insert(index, daysAgo);
    await ca.stop();
    await ca.start();
    const left = async () =>
      (await postgres.query(DATABASE, 'SELECT serial FROM certificates ORDER BY serial')).rows;
    for (let tries = 0; (await left()).length === 3 && tries < 200; tries += 1) await sleep(50);
    const serials = (await left()) as { serial: Buffer }[];
    assert.deepEqual(
      serials.map(({ serial }) => serial[0]),
      [1, 2],
    );
  });

  it('has the same keys after another init, and after two at once', async () => {
    const request = { method: 'GET', path: '/v1/bundle', schema: CaBundle } as const;
    const bundle = await ca.client.request(request);
    assert.equal(bundle.epoch, 1);
    const inits = [1, 2].map(() => runCa('init', '--config', ca.configFile));
    for (const { code, stderr } of await Promise.all(inits)) assert.equal(code, 0, stderr);
    assert.equal(await ca.stop(), 0);
    await ca.start();
    assert.deepEqual(await ca.client.request(request), bundle);
  });

  it('slows down whoever enrols too fast, and nobody else: RATE_LIMITED', async () => {
    const enrol = () =>
      ca.client
        .request({ method: 'POST', path: '/v1/enrollments', body: {}, schema: EnrollmentChallenge })
        .catch((error: unknown) => (error instanceof ProblemError ? error.code : error));
    const codes = await Promise.all(Array.from({ length: 10 }, enrol));
    assert.ok(codes.includes('RATE_LIMITED') && codes.includes('SCHEMA_MISMATCH'), String(codes));
    assert.deepEqual(await health(), { status: 'ok' });
  });

  it('answers problems for what is not there: NOT_FOUND, METHOD_NOT_ALLOWED', async () => {
    const code = (method: 'GET' | 'DELETE', path: string) =>
      ca.client
        .request({ method, path, schema: Health })
        .catch((error: unknown) => (error as ProblemError).code);
    assert.equal(await code('GET', '/'), 'NOT_FOUND');
    assert.equal(await code('DELETE', '/v1/bundle'), 'METHOD_NOT_ALLOWED');
  });

  it('may change no table, and nothing that was issued', async () => {
    const config = JSON.parse(await readFile(ca.configFile, 'utf8')) as {
      database: pg.ClientConfig & { passwordFile: string };
    };
    const { passwordFile, ...address } = config.database;
    const password = (await readFile(passwordFile, 'utf8')).trim();
    const client = new pg.Client({ ...address, password });
    await client.connect();
    try {
      for (const sql of [
        'CREATE TABLE t ()',
        'DROP TABLE enrollments',
        'DELETE FROM certificates',
        'UPDATE certificates SET not_after = now()',
        'UPDATE retention SET days = 30',
        'DELETE FROM endorsement_keys',
        "INSERT INTO schema_migrations (name, run_on) VALUES ('x', now())",
      ]) {
        const refused = { code: /^42501$/ };
        await assert.rejects(client.query(sql), refused, sql);
      }
    } finally {
      await client.end();
    }
  });

  it('forgets the enrolments under way when it came back from a backup, and nothing else', async () => {
    const enrolment = (id: number, activated: string) =>
      `('00000000-0000-0000-0000-00000000000${id}', now(), sha256('x'), ${activated}, '', '', '', '',
        sha256('y'), '{}', 'software', '', true)`;
    await postgres.query(
      DATABASE,
      `INSERT INTO enrollments (id, expires_at, secret_sha256, activated_at, ak_name, ak_public,
         ak_qualified_name, ek_name, ek_ref, ek_certificates, class, ek_public, software)
       VALUES ${enrolment(1, 'NULL')}, ${enrolment(2, 'now()')}`,
    );
    assert.equal((await runCa('restored', '--config', ca.configFile)).code, 0);
    const { rows } = await postgres.query(
      DATABASE,
      'SELECT right(id::text, 1) AS id FROM enrollments',
    );
    assert.deepEqual(rows, [{ id: '2' }]);
    await postgres.query(DATABASE, 'DELETE FROM enrollments');
  });

  describe('does not start', () => {
    const refusal = async (
      command: 'init' | 'serve',
      { configFile = ca.configFile, exit = 69 } = {},
    ) => {
      const { code, stdout, stderr } = await runCa(command, '--config', configFile);
      assert.deepEqual([code, stdout], [exit, '']);
      return (JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as { code: string }).code;
    };
    const migrations = (sql: string) => postgres.query(DATABASE, sql);

    it('on a database that a newer version has migrated: SCHEMA_NEWER', async () => {
      await migrations("INSERT INTO schema_migrations (name, run_on) VALUES ('9999_x', now())");
      assert.equal(await refusal('serve'), 'SCHEMA_NEWER');
      assert.equal(await refusal('init'), 'SCHEMA_NEWER');
      await migrations("DELETE FROM schema_migrations WHERE name = '9999_x'");
    });

    it('on a database that lacks a migration: SCHEMA_OLDER', async () => {
      await migrations('ALTER TABLE schema_migrations RENAME TO aside');
      assert.equal(await refusal('serve'), 'SCHEMA_OLDER');
      await migrations('ALTER TABLE aside RENAME TO schema_migrations');
    });

    it('with a key that others could read: KEY_FILE_MODE', async () => {
      const key = join(ca.stateDir, 'keys/issuing/first+issuing.key.pem');
      await chmod(key, 0o644);
      assert.equal(await refusal('serve'), 'KEY_FILE_MODE');
      await chmod(key, 0o600);
    });

    it('with a setting that it does not know: CONFIG_INVALID', async () => {
      const other = `${ca.configFile}.other`;
      const config = JSON.parse(await readFile(ca.configFile, 'utf8')) as object;
      await writeFile(other, JSON.stringify({ ...config, allowAll: true }));
      assert.equal(await refusal('serve', { configFile: other, exit: 65 }), 'CONFIG_INVALID');
      const short = { ...config, retentionDays: { certificates: 29 } };
      await writeFile(other, JSON.stringify(short));
      assert.equal(await refusal('init', { configFile: other }), 'RETENTION_TOO_SHORT');
    });

    it('without a command: usage, exit code 64', async () => {
      assert.equal((await runCa()).code, 64);
      assert.equal((await runCa('serve')).code, 64);
    });
  });

  it('ends at SIGTERM with exit code 0', async () => {
    assert.equal(await ca.stop(), 0);
  });
});
