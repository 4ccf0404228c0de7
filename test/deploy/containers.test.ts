import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  ApiTokenCreated,
  CaBundle,
  checkAgainst,
  Health,
  Session,
  TrustBundle,
  TrustBundles,
} from '@touchstone/schemas';
import { pinnedClient } from '@touchstone/transport';
import { house, readCompose } from '../support/compose.ts';
import { prepareUncontained, type Uncontained } from '../support/deployment.ts';
import { BIN } from '../support/touchstone.ts';

const NAME = 'touchstone.example';
const get = { method: 'GET' } as const;

/** In the order in which `depends_on` lets them run. */
const ONCE = ['roles', 'ca-init', 'server-migrate'] as const;

describe('The commands of docker-compose.yml, without containers', function () {
  this.timeout(120_000);
  let deployment: Uncontained;
  let fingerprint: string;

  before(async () => {
    deployment = await prepareUncontained(NAME);
    fingerprint = /fingerprint +([0-9a-f]{64})$/mu.exec(deployment.prepared)?.[1] ?? '';
    await deployment.serve('postgres');
    await deployment.serve('ca-issuance');
  });
  after(() => deployment?.stop());

  const secretOf = async (name: string) =>
    (await readFile(join(deployment.directory, 'deployment/secrets', name), 'utf8')).trim();
  /** One statement as a role; the connection's own refusals count. */
  const as = async (user: string, database: string, sql: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port: deployment.port.postgres, user, database },
      password: await secretOf(`postgres-${user.replace('_', '-')}`),
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.query(sql);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const server = () =>
    pinnedClient({ url: `https://127.0.0.1:${deployment.port.proxyServer}`, pin: fingerprint });

  for (const name of ONCE) {
    it(`${name} does its work with its own secrets, and has nothing left to do the second time`, async () => {
      for (const _ of [1, 2]) {
        const { code, stderr } = await deployment.run(name);
        assert.equal(code, 0, stderr);
      }
    });
  }

  it('the proxy finds its own configuration valid', async () => {
    const command = readCompose().services['proxy']?.command ?? [];
    const { code, stderr } = await deployment.run('proxy', [...command, '-c']);
    assert.equal(code, 0, stderr);
  });

  it('the CA, the proxy and the server serve, and their health checks say so', async () => {
    for (const name of ['ca', 'proxy', 'server']) {
      assert.notEqual((await deployment.health(name)).code, 0, `${name} is well before it runs`);
      await deployment.serve(name);
    }
    // The proxy looks every half second whether a room that was away is back.
    const client = server();
    for (let waited = 0; ; waited += 200) {
      const well = client.request({ ...get, path: '/v1/health', schema: Health });
      if (await well.then(() => true).catch(() => waited > 5_000)) break;
      await sleep(200);
    }
    await client.close();
  });

  it('a health check believes nobody with another certificate', async () => {
    const [, ...check] = readCompose().services['server']?.healthcheck?.test ?? [];
    const { code } = await deployment.run(
      'server',
      check.map((word) => word.replace('8443', '8444')),
    );
    assert.equal(code, 1);
  });

  it('the first token comes from the server’s own container, once', async () => {
    const command = ['node', 'server/main.ts', 'first-token', '--config'];
    const config = '/etc/touchstone/server.json';
    assert.ok(deployment.prepared.includes([...command, config].join(' ')), 'prepare.sh names it');
    const { code, stdout, stderr } = await deployment.run('server', [...command, config]);
    assert.equal(code, 0, stderr);
    const { token } = checkAgainst(ApiTokenCreated, JSON.parse(stdout));
    const client = server();
    const session = await client.request({
      ...{ ...get, path: '/v1/session', bearer: token, schema: Session },
    });
    assert.ok(session.roles.includes('operator'));
    await client.close();
    assert.notEqual((await deployment.run('server', [...command, config])).code, 0);
  });

  it('TLS passes through the proxy: the pins of the server and of the CA hold', async () => {
    const client = server();
    const path = '/v1/trust-bundle';
    const { bundles } = await client.request({ ...get, path, schema: TrustBundles });
    const [, payload = ''] = bundles[0]?.split('.') ?? [];
    const trusted = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown;
    const { ca } = checkAgainst(TrustBundle, trusted);
    await client.close();
    assert.equal(ca.url, `https://127.0.0.1:${deployment.port.proxyCa}`);
    const authority = pinnedClient(ca);
    const bundle = await authority.request({ ...get, path: '/v1/bundle', schema: CaBundle });
    assert.equal(bundle.issuers[0]?.state, 'active');
    await authority.close();
  });

  it('a host enrols through the proxy, at the CA and at the server', async () => {
    const state = join(deployment.directory, 'agent');
    try {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [
          BIN.agent,
          'enroll',
          '--tpm',
          'software',
          '--json',
          '--state',
          state,
          '--fingerprint',
          fingerprint,
        ].concat(
          ['--server', `https://127.0.0.1:${deployment.port.proxyServer}`],
          ['--name', 'contained'],
        ),
        { cwd: house },
      );
      assert.equal((JSON.parse(stdout) as { state: string }).state, 'pending');
    } finally {
      const pid = Number(await readFile(join(state, 'swtpm/pid'), 'utf8').catch(() => '0'));
      if (pid > 1) process.kill(pid, 'SIGTERM');
    }
  });

  it('each database is closed to the other room’s roles', async () => {
    for (const [user, database] of [
      ['ca', 'touchstone'],
      ['ca_migrate', 'touchstone'],
      ['server', 'touchstone_ca'],
      ['server_migrate', 'touchstone_ca'],
      ['server_read', 'touchstone_ca'],
      ['server', 'postgres'],
    ] as const) {
      // invalid_authorization_specification: PostgreSQL, Appendix A
      await assert.rejects(
        as(user, database, 'SELECT 1'),
        { code: '28000' },
        `${user} ${database}`,
      );
    }
  });

  it('those who serve have no DDL, and who reads only reads', async () => {
    for (const [user, database] of [
      ['ca', 'touchstone_ca'],
      ['server', 'touchstone'],
    ] as const) {
      await assert.rejects(as(user, database, 'CREATE TABLE t ()'), { code: '42501' }, user);
      await assert.rejects(as(user, database, 'DROP TABLE alerts, certificates'), /./u);
    }
    assert.equal((await as('server_read', 'touchstone', 'SELECT name FROM hosts')).rowCount, 1);
    await assert.rejects(as('server_read', 'touchstone', 'DELETE FROM hosts'), { code: '25006' });
    const stubborn = 'SET transaction_read_only = off; DELETE FROM hosts';
    await assert.rejects(as('server_read', 'touchstone', stubborn), { code: '42501' });
  });

  it('no role but the administrator is a superuser, or may make roles and databases', async () => {
    const { rows } = await as(
      'server_read',
      'touchstone',
      `SELECT rolname FROM pg_roles WHERE rolcanlogin
         AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)`,
    );
    assert.deepEqual(rows, [{ rolname: 'touchstone_admin' }]);
  });

  it('a new password in a role’s file counts once `roles` has run, and a short one never', async () => {
    const file = join(deployment.directory, 'deployment/secrets/postgres-server-read');
    const old = await secretOf('postgres-server-read');
    for (const [password, code] of [
      ['', 3],
      ['short', 3],
      [old.toUpperCase(), 0],
    ] as const) {
      await rm(file);
      await writeFile(file, `${password}\n`);
      assert.equal((await deployment.run('roles')).code, code, password);
    }
    assert.equal((await as('server_read', 'touchstone', 'SELECT 1')).rowCount, 1);
  });
});
