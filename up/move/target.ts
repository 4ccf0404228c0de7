import { copyFile, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Client } from 'pg';
import { refuse } from '../codes.ts';
import { connect, type DatabaseAccess } from '../database-access.ts';
import { majorVersion } from '../database-facts.ts';
import { type SharedAddress, sharedCaFile } from '../shared-postgres.ts';

export type TargetOptions = {
  readonly to: string;
  readonly passwordFile?: string;
  readonly plainTcp?: true;
};

/** A PostgreSQL to move to, and its administrator. */
export type Target = {
  readonly address: SharedAddress;
  readonly admin: DatabaseAccess;
  /** Where its CA's certificates are now; null where there is no TLS. */
  readonly caFile: string | null;
};

const OLDEST = 15;
/** Debian's, as curl and git use it. libpq 15 has no name for it. */
const SYSTEM_CAS = '/etc/ssl/certs/ca-certificates.crt';
const LOOPBACK = /^(?:localhost|127\.[0-9.]+|::1)$/u;
const PARAMETERS = new Set(['host', 'sslmode', 'sslrootcert']);

const NO_HOST = 'socket.invalid';

/**
 * What libpq's URLs say, as far as it is used here: libpq, 34.1.1.2. Over the network it is TLS, and the
 * certificate is checked against the name; anything less has to be asked for twice.
 * @throws UpError TARGET_MALFORMED, TARGET_PLAIN
 */
export function readTarget({ to, passwordFile, plainTcp }: TargetOptions): Target {
  const url = urlOf(to);
  if (url.password !== '') {
    throw refuse('TARGET_MALFORMED', 'a password in it could be read by everybody on this machine');
  }
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.has(name));
  if (unknown !== undefined) throw refuse('TARGET_MALFORMED', `unknown parameter ${unknown}`);
  const named = url.hostname === NO_HOST ? '' : url.hostname.replace(/^\[(.*)\]$/u, '$1');
  const host = url.searchParams.get('host') ?? named;
  if (host === '' || url.username === '') throw refuse('TARGET_MALFORMED', 'no host or no user');
  if (passwordFile === undefined) throw refuse('TARGET_MALFORMED', 'no --password-file');
  const port = Number(url.port === '' ? 5_432 : url.port);
  const near = host.startsWith('/') || LOOPBACK.test(host);
  const mode = url.searchParams.get('sslmode') ?? (near ? 'disable' : 'verify-full');
  if (mode !== 'disable' && mode !== 'verify-full') {
    throw refuse('TARGET_MALFORMED', `sslmode=${mode} protects from nobody who is in the way`);
  }
  if (mode === 'disable' && !near && plainTcp !== true) throw refuse('TARGET_PLAIN', host);
  const given = url.searchParams.get('sslrootcert');
  const caFile = mode === 'disable' ? null : resolve(given ?? SYSTEM_CAS);
  const admin: DatabaseAccess = {
    ...{ host, port, user: decodeURIComponent(url.username) },
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
    passwordFile: resolve(passwordFile),
    ...(caFile === null ? {} : { tls: { caFile } }),
  };
  return { address: { host, port, tls: caFile !== null }, admin, caFile };
}

function urlOf(to: string): URL {
  try {
    // libpq lets the host be empty; the WHATWG's URL does not.
    const url = new URL(to.replace(/^([a-z]+:\/\/[^/?#]*@)(?=[/?#]|$)/u, `$1${NO_HOST}`));
    if (url.protocol === 'postgres:' || url.protocol === 'postgresql:') return url;
  } catch {
    // The refusal says it.
  }
  throw refuse('TARGET_MALFORMED', to.replace(/:[^:@/]*@/u, ':…@'));
}

/** As its administrator. @throws UpError TARGET_UNREACHABLE, TARGET_TOO_OLD, TARGET_RIGHTS */
export async function connectAsAdmin(target: Target): Promise<Client> {
  await readFile(target.admin.passwordFile).catch(unreachable);
  const client = await connect(target.admin).catch(unreachable);
  try {
    const major = await majorVersion(client);
    if (major < OLDEST) throw refuse('TARGET_TOO_OLD', `it is version ${major}`);
    const { rows } = await client.query<{ fit: boolean }>(
      `SELECT rolsuper OR (rolcreaterole AND rolcreatedb) AS fit FROM pg_roles
        WHERE rolname = current_user`,
    );
    if (rows[0]?.fit !== true) throw refuse('TARGET_RIGHTS', target.admin.user);
    return client;
  } catch (error) {
    await client.end();
    throw error;
  }
}

function unreachable(cause: Error): never {
  throw refuse('TARGET_UNREACHABLE', cause.message, cause);
}

/** The data directory needs its own copy: the rooms read it at every start. */
export async function keepCa(dataDir: string, { caFile }: Target): Promise<void> {
  if (caFile === null) return;
  await stat(caFile).catch(unreachable);
  await copyFile(caFile, sharedCaFile(dataDir));
}
