import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { refusal } from '../codes.ts';
import type { DatabaseLogin, Queryable } from './database.ts';

const DIRECTORY = fileURLToPath(new URL('./migrations', import.meta.url));
const TABLE = 'pgmigrations';

/** Brings the database to this version's schema, as the role that owns it. */
export async function migrate(login: DatabaseLogin, log: (line: string) => void): Promise<void> {
  await runner({
    databaseUrl: { ...login },
    dir: DIRECTORY,
    direction: 'up',
    migrationsTable: TABLE,
    checkOrder: true,
    singleTransaction: true,
    advisoryLockMode: 'wait',
    log,
  });
}

/**
 * An older server would misread a newer schema, and a newer one miss columns.
 * @throws AppError SCHEMA_MISMATCH_DATABASE
 */
export async function checkSchema(on: Queryable): Promise<void> {
  const files = await readdir(DIRECTORY);
  const known = files.filter((name) => name.endsWith('.sql')).map((name) => name.slice(0, -4));
  const { rows } = await on.query<{ name: string }>(`SELECT name FROM ${TABLE} ORDER BY id`);
  const present = rows.map((row) => row.name);
  const same =
    present.length === known.length && known.toSorted().every((name, i) => name === present[i]);
  if (same) return;
  throw refusal('SCHEMA_MISMATCH_DATABASE', {
    detail: `The database has ${present.at(-1) ?? 'none'}, this server ${known.toSorted().at(-1)}.`,
  });
}
