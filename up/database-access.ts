import { readFile } from 'node:fs/promises';
import pg from 'pg';

/** A role for each thing that may be done, and a database for each room: DESIGN section 6. */
export const DATABASES = {
  touchstone_ca: { owner: 'ca_migrate', users: ['ca'] },
  touchstone: { owner: 'server_migrate', users: ['server', 'server_read'] },
} as const;

export type DatabaseName = keyof typeof DATABASES;

export const DATABASE_NAMES = Object.keys(DATABASES) as DatabaseName[];

/** How a role connects, as the rooms' configuration files have it. */
export type DatabaseAccess = {
  /** The directory of a unix socket, or a host. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly passwordFile: string;
  /** Without it, in clear text. */
  readonly tls?: { readonly caFile: string };
};

/** A PostgreSQL with this deployment's two databases. */
export type Postgres = {
  access(database: DatabaseName, user: string): DatabaseAccess;
};

/** As `access` says, or as another role. */
export async function connect(access: DatabaseAccess): Promise<pg.Client> {
  const { passwordFile, tls, host, ...address } = access;
  const client = new pg.Client({
    ...address,
    host,
    password: (await readFile(passwordFile, 'utf8')).trimEnd(),
    connectionTimeoutMillis: 10_000,
    application_name: 'touchstone-up',
    // `host` as well: an address has no server name, and its certificate would be checked against "localhost".
    ...(tls === undefined ? {} : { ssl: { ca: await readFile(tls.caFile, 'utf8'), host } }),
  });
  // What breaks an idle connection shows at its next use.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** What libpq's programs are told: libpq, 34.15. No password is an argument. */
export async function libpqEnvironment(access: DatabaseAccess): Promise<Record<string, string>> {
  return {
    PGHOST: access.host,
    PGPORT: String(access.port),
    PGUSER: access.user,
    PGDATABASE: access.database,
    PGPASSWORD: (await readFile(access.passwordFile, 'utf8')).trimEnd(),
    PGAPPNAME: 'touchstone-up',
    PGCONNECT_TIMEOUT: '10',
    ...(access.tls === undefined
      ? { PGSSLMODE: 'disable' }
      : { PGSSLMODE: 'verify-full', PGSSLROOTCERT: access.tls.caFile }),
  };
}
