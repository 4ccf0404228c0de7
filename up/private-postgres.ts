import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Child, runToEnd, startChild } from './child.ts';
import { DATABASES, type Postgres } from './database-access.ts';
import { UpError } from './failure.ts';
import { keepSecret, newPassword } from './secrets.ts';

const run = promisify(execFile);

/** PostgreSQL refuses to run as root, so root hands the cluster to Debian's user for it. */
const SERVICE_USER = 'postgres';
const VERSION = 15;
const BIN = `/usr/lib/postgresql/${VERSION}/bin`;
/** sun_path holds 108 bytes with its end: unix(7). */
const MAX_SOCKET_PATH = 107;
const SUPERUSER = 'touchstone_admin';

export type PrivatePostgres = Postgres & { readonly child: Child };

/** The version of the private cluster's programs. */
export const PRIVATE_VERSION = VERSION;

/** Where it lies in the data directory, and where its sockets are: `alone` is known to its starter only. */
export const clusterDirectory = (dataDir: string): string => join(dataDir, 'postgres');
const socketDirectory = (dataDir: string, alone: boolean): string =>
  join(clusterDirectory(dataDir), alone ? 'alone' : 'socket');

/** The one that `touchstone up` has started, for whoever finds it running. */
export function runningPostgres(dataDir: string): Postgres {
  return { access: accessIn(dataDir, false) };
}

function accessIn(dataDir: string, alone: boolean): Postgres['access'] {
  return (database, user) => ({
    host: socketDirectory(dataDir, alone),
    port: 5432,
    database,
    user,
    passwordFile: join(dataDir, 'secrets', `postgres-${user}`),
  });
}

/**
 * A PostgreSQL cluster of this deployment's own: unix socket in a directory that others cannot enter,
 * no TCP port, scram for everyone with a random password a role. `alone`: nobody else finds it.
 */
export async function startPrivatePostgres(
  dataDir: string,
  progress: (line: string) => void,
  { alone = false }: { readonly alone?: boolean } = {},
): Promise<PrivatePostgres> {
  const directory = clusterDirectory(dataDir);
  const socketDir = socketDirectory(dataDir, alone);
  const secrets = join(dataDir, 'secrets');
  if (join(socketDir, '.s.PGSQL.5432').length > MAX_SOCKET_PATH) {
    throw new UpError(
      'PATH_TOO_LONG',
      `${socketDir} is too long for a unix socket`,
      'Choose a shorter --data directory.',
    );
  }
  if (!(await exists(`${BIN}/postgres`))) {
    throw new UpError(
      'POSTGRES_MISSING',
      `PostgreSQL ${VERSION} is not installed: there is no ${BIN}/postgres`,
      `Run as root: apt-get install --no-install-recommends postgresql-${VERSION}`,
    );
  }
  await mkdir(secrets, { recursive: true, mode: 0o700 });
  const passwordFileOf = (role: string): string => join(secrets, `postgres-${role}`);
  const user = process.getuid?.() === 0 ? SERVICE_USER : undefined;
  for (const path of [directory, socketDir]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (user !== undefined) await chown(path, ...(await idsOf(user)));
  }
  if (user !== undefined) await reachable(directory, user);
  const password = await keepSecret(passwordFileOf(SUPERUSER), newPassword);
  if (!(await exists(join(directory, 'data', 'PG_VERSION')))) {
    progress('making the private PostgreSQL cluster');
    await initialise(directory, user, password);
  }
  const { child: _process, ...child } = startChild({
    name: 'PostgreSQL',
    command: [`${BIN}/postgres`, '-D', join(directory, 'data'), '-k', socketDir, '-h', ''],
    logFile: join(dataDir, 'postgres.log'),
    deathSignal: 'INT',
    ...(user === undefined ? {} : { user }),
  });
  try {
    const admin = { host: socketDir, port: 5432, user: SUPERUSER, password };
    await acceptsConnections(admin, child, join(dataDir, 'postgres.log'));
    await makeRoles(admin, passwordFileOf);
  } catch (error) {
    await child.stop('SIGINT');
    throw error;
  }
  return { child, access: accessIn(dataDir, alone) };
}

/** PostgreSQL's user has to be able to pass through every folder above its own. */
async function reachable(directory: string, user: string): Promise<void> {
  const as = ['--reuid', user, '--regid', user, '--init-groups', '--'];
  try {
    await run('setpriv', [...as, 'test', '-w', directory]);
  } catch (cause) {
    throw new UpError(
      'DATA_UNREACHABLE',
      `the user ${user}, as whom PostgreSQL runs, cannot reach ${directory}`,
      'Choose a --data directory below folders that everybody may pass through (mode o+x).',
      cause,
    );
  }
}

async function initialise(directory: string, user: string | undefined, password: string) {
  const passwordFile = join(directory, 'initial-password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== undefined) await chown(passwordFile, ...(await idsOf(user)));
  await runToEnd({
    name: 'initdb',
    command: [
      `${BIN}/initdb`,
      ...['-D', join(directory, 'data'), '-U', SUPERUSER, '-E', 'UTF8', '--locale=C.UTF-8'],
      ...['--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--data-checksums'],
    ],
    logFile: join(directory, '..', 'postgres.log'),
    ...(user === undefined ? {} : { user }),
  });
  await run('rm', ['-f', passwordFile]);
}

type Admin = { host: string; port: number; user: string; password: string };

async function acceptsConnections(admin: Admin, child: Child, logFile: string): Promise<void> {
  let ended = false;
  void child.ended.then(() => (ended = true));
  for (let waited = 0; waited < 30_000 && !ended; waited += 100) {
    const client = new pg.Client({ ...admin, database: 'postgres' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await sleep(100);
    }
  }
  throw new UpError(
    'POSTGRES_FAILED',
    'the private PostgreSQL does not answer',
    `Read ${logFile}. Perhaps another \`touchstone up\` uses this data directory.`,
  );
}

async function makeRoles(admin: Admin, passwordFileOf: (role: string) => string): Promise<void> {
  const client = new pg.Client({ ...admin, database: 'postgres' });
  await client.connect();
  try {
    // Every role could connect to these otherwise, and make tables there.
    await client.query('REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC');
    for (const [database, { owner, users }] of Object.entries(DATABASES)) {
      for (const role of [owner, ...users]) {
        const password = await keepSecret(passwordFileOf(role), newPassword);
        await makeRole(client, role, password);
      }
      const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
      if (known.rowCount === 0) {
        await client.query(`CREATE DATABASE ${database} OWNER ${owner} TEMPLATE template0`);
      }
      await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
      for (const role of users) {
        await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${role}`);
      }
    }
  } finally {
    await client.end();
  }
}

/** Role names are ours; the password is base64url and is quoted all the same. */
async function makeRole(client: pg.Client, role: string, password: string): Promise<void> {
  const known = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  if (known.rowCount !== 0) return;
  await client.query(
    `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${client.escapeLiteral(password)}`,
  );
}

async function idsOf(user: string): Promise<[number, number]> {
  const line = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new UpError('POSTGRES_MISSING', `no user ${user}`, `Install postgresql-${VERSION}.`);
  }
  return [Number(uid), Number(gid)];
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
