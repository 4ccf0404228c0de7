import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import {
  ApiTokenCreated,
  checkAgainst,
  Health,
  Session,
  type TrustBundle,
  TrustBundles,
} from '@touchstone/schemas';
import { type Client, pinnedClient, spkiPinOf } from '@touchstone/transport';
import { type Postgres, type PostgresLogin, startPostgres } from '../../test/support/postgres.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const CA_MAIN = fileURLToPath(new URL('../../ca/main.ts', import.meta.url));

describe('The server process', function () {
  this.timeout(60_000);
  let dir: string;
  let postgres: Postgres;
  let ca: { url: string; pin: string };
  let config: Record<string, unknown>;
  const children: ChildProcess[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-server-'));
    postgres = await startPostgres();
    const logins = await postgres.createDatabase('server', [
      'server_migrate',
      'server',
      'server_read',
    ]);
    ca = await startCa();
    await selfSigned('tls');
    await writeFile(join(dir, 'root-secret'), randomBytes(32));
    await writeFile(join(dir, 'result.pem'), newKey());
    await writeFile(join(dir, 'permit.pem'), newKey());
    await writeFile(join(dir, 'bundle.pem'), newKey());
    config = {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { keyFile: 'tls.key', certFile: 'tls.cert' },
      publicUrl: 'https://127.0.0.1:8443',
      database: address(logins.server),
      migrateDatabase: address(logins.server_migrate),
      rootSecretFile: 'root-secret',
      resultKeyFile: 'result.pem',
      permitKeyFile: 'permit.pem',
      bundleKeyFile: 'bundle.pem',
      ca,
    };
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await postgres?.stop();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  const selfSigned = (name: string) =>
    promisify(execFile)(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-subj', `/CN=${name}`, '-days', '2', '-keyout', `${name}.key`, '-out', `${name}.cert`],
      ],
      { cwd: dir },
    );
  const address = ({ host, port, database, user, passwordFile }: PostgresLogin) => ({
    ...{ host, port, database, user, passwordFile },
  });
  const pinOf = async (name: string) =>
    spkiPinOf(await readFile(join(dir, `${name}.cert`), 'utf8'));

  /** The real CA, as a process of its own. */
  async function startCa() {
    await selfSigned('ca');
    const logins = await postgres.createDatabase('ca', ['ca_migrate', 'ca']);
    const path = join(dir, 'ca.json');
    const caConfig = {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { keyFile: 'ca.key', certFile: 'ca.cert' },
      database: address(logins.ca),
      migrateDatabase: address(logins.ca_migrate),
      stateDir: 'ca-state',
      custody: { issuing: { kind: 'file', passphrase: { file: 'ca-passphrase' } } },
      roots: [],
      publicUrl: 'https://127.0.0.1:8444',
    };
    await writeFile(path, JSON.stringify(caConfig));
    const passphrase = `${randomBytes(16).toString('hex')}\n`;
    await writeFile(join(dir, 'ca-passphrase'), passphrase, { mode: 0o600 });
    await promisify(execFile)(process.execPath, [CA_MAIN, 'init', '--config', path]);
    const { port } = await ready(launch(CA_MAIN, 'serve', '--config', path));
    return { url: `https://127.0.0.1:${port}`, pin: await pinOf('ca') };
  }
  const newKey = () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ format: 'pem', type: 'pkcs8' })
      .toString();

  async function configFile(changed: Record<string, unknown> = {}): Promise<string> {
    const path = join(dir, 'server.json');
    await writeFile(path, JSON.stringify({ ...config, ...changed }));
    return path;
  }

  type Running = { child: ChildProcess; stdout: () => string; stderr: () => string };
  function launch(main: string, ...args: string[]): Running {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return { child, stdout: () => stdout, stderr: () => stderr };
  }
  async function run(...args: string[]) {
    const { child, stdout, stderr } = launch(MAIN, ...args);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout: stdout(), stderr: stderr() };
  }
  async function ready({ child, stdout, stderr }: Running): Promise<{ port: number }> {
    await Promise.race([once(child.stdout ?? child, 'data'), once(child, 'exit')]);
    assert.equal(child.exitCode, null, stderr());
    const line = JSON.parse(stdout()) as { ready: boolean; port: number };
    assert.equal(line.ready, true);
    return line;
  }
  async function serve(path: string): Promise<Running & { client: Client }> {
    const running = launch(MAIN, 'serve', '--config', path);
    const { port } = await ready(running);
    const url = `https://127.0.0.1:${port}`;
    return { ...running, client: pinnedClient({ url, pin: await pinOf('tls') }) };
  }
  async function end({ child, client }: { child: ChildProcess; client: Client }) {
    await client.close();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    return ((await ended) as [number | null])[0];
  }

  it('refuses a command that it does not have: 64', async () => {
    assert.equal((await run('server')).code, 64);
    assert.equal((await run('serve')).code, 64);
  });

  it('refuses a configuration with what it does not know: 65', async () => {
    const { code, stderr } = await run('serve', '--config', await configFile({ allowAll: true }));
    assert.equal(code, 65);
    assert.match(stderr, /allowAll/u);
  });

  it('does not serve on a database without its schema: 69, SCHEMA_OLDER, and what to do', async () => {
    const { code, stdout, stderr } = await run('serve', '--config', await configFile());
    assert.deepEqual([code, stdout], [69, '']);
    const said = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Record<string, string>;
    assert.equal(said['code'], 'SCHEMA_OLDER');
    assert.match(said['remedy'] ?? '', /migrate/u);
  });

  it('migrates, and has nothing to do when it does so again', async () => {
    const path = await configFile();
    for (const _ of [1, 2]) {
      const { code, stderr } = await run('migrate', '--config', path);
      assert.equal(code, 0, stderr);
    }
  });

  it("neither serves nor migrates a newer version's database: 69, SCHEMA_NEWER, and what to do", async () => {
    await postgres.query(
      'server',
      `INSERT INTO pgmigrations (name, run_on) VALUES ('9999_x', now())`,
    );
    for (const command of ['serve', 'migrate', 'first-token']) {
      const { code, stdout, stderr } = await run(command, '--config', await configFile());
      assert.deepEqual([code, stdout], [69, ''], command);
      const said = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Record<string, string>;
      assert.equal(said['code'], 'SCHEMA_NEWER', command);
      assert.match(said['remedy'] ?? '', /newer version/u);
    }
    await postgres.query('server', `DELETE FROM pgmigrations WHERE name = '9999_x'`);
  });

  it('keeps what the configuration says, and nothing for less than the least: RETENTION_TOO_SHORT', async () => {
    const days = async () =>
      (await postgres.query('server', `SELECT days FROM retention WHERE kind = 'audit'`)).rows;
    const short = { retentionDays: { audit: 30 } };
    const refused = await run('migrate', '--config', await configFile(short));
    assert.equal(refused.code, 69);
    assert.match(refused.stderr, /RETENTION_TOO_SHORT/u);
    assert.deepEqual(await days(), [{ days: 400 }]);
    const long = { retentionDays: { audit: 2_000 } };
    assert.equal((await run('migrate', '--config', await configFile(long))).code, 0);
    assert.deepEqual(await days(), [{ days: 2_000 }]);
  });

  it('serves, with the first token that it gives once, and ends at SIGTERM', async () => {
    const path = await configFile();
    const first = await run('first-token', '--config', path);
    assert.equal(first.code, 0, first.stderr);
    const { token } = checkAgainst(ApiTokenCreated, JSON.parse(first.stdout));
    const second = await run('first-token', '--config', path);
    assert.equal(second.code, 69);
    assert.equal(second.stdout, '');
    assert.match(second.stderr, /FIRST_TOKEN_EXISTS/u);

    const running = await serve(path);
    const get = { method: 'GET' } as const;
    for (const asked of ['/v1/health', '/v1/ready']) {
      const { status } = await running.client.request({ ...get, path: asked, schema: Health });
      assert.equal(status, 'ok', asked);
    }
    const session = await running.client.request({
      ...{ ...get, path: '/v1/session', bearer: token, schema: Session },
    });
    assert.deepEqual(session.roles.toSorted(), ['approver', 'ca-admin', 'operator', 'viewer']);
    const { bundles } = await running.client.request({
      ...{ ...get, path: '/v1/trust-bundle', schema: TrustBundles },
    });
    const bundle = decodeJwt<TrustBundle>(bundles[0] ?? '');
    assert.equal(bundle.ca.url, ca.url);
    assert.match(bundle.anchors[0] ?? '', /BEGIN CERTIFICATE/u);
    assert.equal(await end(running), 0);
    assert.ok(!running.stderr().includes(token), 'a secret is in the log');
    for (const line of running.stderr().trim().split('\n')) JSON.parse(line);
  });

  it('gives out and takes nothing before it knows the issuers: ISSUERS_UNKNOWN', async () => {
    await postgres.query('server', 'DELETE FROM ca_bundle');
    await postgres.query('server', 'DELETE FROM trust_bundles');
    const running = await serve(await configFile({ ca: { url: ca.url, pin: '0'.repeat(64) } }));
    await assert.rejects(
      running.client.request({ method: 'GET', path: '/v1/trust-bundle', schema: TrustBundles }),
      { code: 'ISSUERS_UNKNOWN', status: 503 },
    );
    const get = { method: 'GET', schema: Health } as const;
    assert.equal((await running.client.request({ ...get, path: '/v1/health' })).status, 'ok');
    // A 503 whose body is no problem but says what is missing.
    await assert.rejects(running.client.request({ ...get, path: '/v1/ready' }), {
      code: 'ANSWER_MALFORMED',
    });
    assert.equal(await end(running), 0);
    assert.match(running.stderr(), /PIN_MISMATCH/u);
  });
});
