import { rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type pg from 'pg';
import { refuse } from '../../codes.ts';
import { syncDirectory } from '../../durable-file.ts';
import { type CaPlace, filesOf, secretFiles } from './place.ts';

/** Whoever is connected to the CA's database, besides this. @throws UpError CA_RUNS */
export async function requireStopped(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ others: number }>(
    `SELECT count(*)::int AS others FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  const others = rows[0]?.others ?? 0;
  if (others > 0) throw refuse('CA_RUNS', `${others} connections`);
}

/** Whether there is anything of a CA: its tables, or keys. TLS keys may be there: hosts know them. */
export async function isThere(client: pg.Client, place: CaPlace): Promise<boolean> {
  const { rows } = await client.query<{ tables: number }>(
    `SELECT count(*)::int AS tables FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`,
  );
  const files = await filesOf(place);
  return (rows[0]?.tables ?? 0) > 0 || files.some(({ name }) => !name.startsWith('tls/'));
}

/** All of the database's own, as the role that owns it. */
export async function emptyDatabase(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'`,
  );
  await client.query('BEGIN');
  for (const { name } of rows) {
    await client.query(`DROP SCHEMA ${client.escapeIdentifier(name)} CASCADE`);
  }
  await client.query('CREATE SCHEMA public');
  await client.query('GRANT USAGE ON SCHEMA public TO PUBLIC');
  await client.query('COMMIT');
}

/** Keys and what opens them, out of the way under other names. Gives those names. */
export async function moveAside(place: CaPlace, suffix: string): Promise<string[]> {
  const moved: string[] = [];
  const secrets = secretFiles(place).filter(({ name }) => !name.startsWith('tls/'));
  for (const path of new Set([place.stateDir, ...secrets.map((file) => file.path)])) {
    if ((await stat(path).catch(() => null)) === null) continue;
    await rename(path, `${path}.${suffix}`);
    await syncDirectory(dirname(path));
    moved.push(`${path}.${suffix}`);
  }
  return moved;
}
