import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Replica, startReplica } from './replica.ts';
import type { Touchstone } from './touchstone.ts';

const run = promisify(execFile);

/** A server with the deployment's keys over a copy of its database, as that is now: what a backup would give. */
export async function startFallback(touchstone: Touchstone, name: string): Promise<Replica> {
  const { directory } = touchstone;
  const bin = (await run('pg_config', ['--bindir'])).stdout.trim();
  const secret = (role: string) => readFile(join(directory, `secrets/postgres-${role}`), 'utf8');
  const psql = async (role: string, program: string, ...args: string[]) =>
    run(join(bin, program), ['--host', join(directory, 'postgres/socket'), ...args], {
      env: { ...process.env, PGUSER: role, PGPASSWORD: (await secret(role)).trim() },
      maxBuffer: 67_108_864,
    });
  const admin = 'touchstone_admin';
  const dump = join(directory, `${name}.sql`);
  await psql('server_migrate', 'pg_dump', '--file', dump, 'touchstone');
  try {
    const sql = `CREATE DATABASE ${name} OWNER server_migrate`;
    await psql(admin, 'psql', '--dbname', 'postgres', '--command', sql);
    await psql('server_migrate', 'psql', '--quiet', '--dbname', name, '--file', dump);
  } finally {
    await rm(dump, { force: true });
  }
  const path = join(directory, 'server/config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, object>;
  return startReplica(touchstone, { database: { ...config['database'], database: name } });
}
