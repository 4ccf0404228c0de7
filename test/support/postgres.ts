import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);
const START_TIMEOUT_MS = 20_000;
const ADMIN = 'postgres';

/** How one role connects. The field names are those of the processes' configuration files. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Holds the password, 0600. */
  readonly passwordFile: string;
}

/** A throw-away cluster on a unix socket, with no TCP port and scram passwords. */
export interface Postgres {
  readonly socketDir: string;
  readonly port: number;
  readonly adminUser: string;
  readonly adminPassword: string;
  readonly pid: number;
  /** Of the certificate for 127.0.0.1 that signs itself; null without `tlsPort`. */
  readonly caFile: string | null;
  /**
   * A database owned by the first role; no other than the named roles may connect. Roles belong to
   * the cluster: one that is there already is used again, with its password.
   */
  createDatabase<const R extends readonly [string, ...string[]]>(
    name: string,
    roles: R,
  ): Promise<Record<R[number], PostgresLogin>>;
  /** As the administrator, in any database. */
  query(database: string, sql: string, values?: unknown[]): Promise<pg.QueryResult>;
  stop(): Promise<void>;
}

/**
 * PostgreSQL refuses to run as root: then it runs as the user that Debian made for it. With `tlsPort` it listens
 * at that port of 127.0.0.1 too.
 */
export async function startPostgres({ tlsPort }: { tlsPort?: number } = {}): Promise<Postgres> {
  const dir = await mkdtemp(join(tmpdir(), 'ts-pg-'));
  const binDir = (await run('pg_config', ['--bindir']).catch(() => undefined))?.stdout.trim();
  const program = (name: string) => join(binDir ?? '/usr/lib/postgresql/15/bin', name);
  const asPostgres = await unprivileged(dir);
  const port = tlsPort ?? 5432;
  const passwords = new Map([[ADMIN, newPassword()]]);
  let child: ChildProcess | undefined;

  const stop = async () => {
    await end(child);
    await rm(dir, { recursive: true, force: true });
  };
  const connection = (database: string) => ({
    host: dir,
    port,
    database,
    user: ADMIN,
    password: passwords.get(ADMIN) ?? '',
  });
  const query = async (database: string, sql: string, values: unknown[] = []) => {
    const client = new pg.Client(connection(database));
    await client.connect();
    try {
      return await client.query(sql, values);
    } finally {
      await client.end();
    }
  };
  const login = async (name: string, user: string): Promise<PostgresLogin> => {
    let password = passwords.get(user);
    const passwordFile = join(dir, `${user}.password`);
    if (password === undefined) {
      password = newPassword();
      passwords.set(user, password);
      const quoted = pg.escapeLiteral(password);
      await query(ADMIN, `CREATE ROLE ${pg.escapeIdentifier(user)} LOGIN PASSWORD ${quoted}`);
      await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    }
    return { host: dir, port, database: name, user, password, passwordFile };
  };

  try {
    const pwfile = join(dir, 'admin.password');
    await writeFile(pwfile, connection(ADMIN).password, { mode: 0o600 });
    await asPostgres.own(pwfile);
    await run(
      ...asPostgres.command(program('initdb'), [
        ...['--pgdata', join(dir, 'data'), '--username', ADMIN, '--pwfile', pwfile],
        ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C.UTF-8', '--no-sync'],
      ]),
    );
    const tls = tlsPort === undefined ? [] : await tlsSettings(dir, asPostgres);
    child = spawn(
      ...asPostgres.command(program('postgres'), [
        ...['-D', join(dir, 'data'), '-k', dir, '-p', `${port}`],
        ...['-c', `listen_addresses=${tlsPort === undefined ? '' : '127.0.0.1'}`, ...tls],
        ...['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'synchronous_commit=off'],
        ...['-c', 'shared_buffers=16MB', '-c', 'log_min_messages=fatal'],
      ]),
      { stdio: 'ignore' },
    );
    await ready(child, () => query(ADMIN, 'SELECT 1'));
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    socketDir: dir,
    port,
    adminUser: ADMIN,
    adminPassword: connection(ADMIN).password,
    pid: child.pid ?? 0,
    caFile: tlsPort === undefined ? null : join(dir, 'tls.cert'),
    async createDatabase(name, roles) {
      const database = pg.escapeIdentifier(name);
      const logins: Record<string, PostgresLogin> = {};
      for (const role of roles) logins[role] = await login(name, role);
      await query(ADMIN, `CREATE DATABASE ${database} OWNER ${pg.escapeIdentifier(roles[0])}`);
      await query(ADMIN, `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
      for (const role of roles) {
        const grantee = pg.escapeIdentifier(role);
        await query(ADMIN, `GRANT CONNECT ON DATABASE ${database} TO ${grantee}`);
      }
      return logins;
    },
    query,
    stop,
  };
}

/** Over TCP nobody gets in without TLS. */
async function tlsSettings(dir: string, { own }: Unprivileged): Promise<string[]> {
  const [key, cert, hba] = ['tls.key', 'tls.cert', 'hba.conf'].map((name) => join(dir, name));
  if (!key || !cert || !hba) throw new Error('never');
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', '/CN=database', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'],
    ...['-keyout', key, '-out', cert],
  ]);
  await writeFile(hba, 'local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n');
  for (const path of [key, cert, hba]) await own(path);
  return [
    ...['-c', 'ssl=on', '-c', `ssl_key_file=${key}`, '-c', `ssl_cert_file=${cert}`],
    ...['-c', `hba_file=${hba}`],
  ];
}

type Unprivileged = {
  own(path: string): Promise<void>;
  command(file: string, args: string[]): [string, string[]];
};

async function unprivileged(dir: string): Promise<Unprivileged> {
  // The parent's death ends it: a test run that is killed leaves no server behind.
  const setpriv = ['--pdeathsig', 'QUIT'];
  const owner = process.getuid?.() === 0 ? await stat('/var/lib/postgresql') : undefined;
  if (owner !== undefined) {
    setpriv.push('--reuid', `${owner.uid}`, '--regid', `${owner.gid}`, '--clear-groups');
  }
  const own = async (path: string) => {
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  };
  await own(dir);
  return { own, command: (file, args) => ['setpriv', [...setpriv, '--', file, ...args]] };
}

async function ready(child: ChildProcess, ask: () => Promise<unknown>): Promise<void> {
  const killAtExit = () => child.kill('SIGQUIT');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`postgres ended with ${code}`)));
  });
  failed.catch(() => {});
  const deadline = Date.now() + START_TIMEOUT_MS;
  const answering = async () => {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(50);
      }
    }
  };
  await Promise.race([answering(), failed]);
}

/** SIGQUIT is PostgreSQL's immediate shutdown: nothing here is worth a checkpoint. */
async function end(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGQUIT');
  await ended;
}

const newPassword = () => randomBytes(24).toString('base64url');
