import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { refusal } from '../codes.ts';
import type { DatabaseLogin, Queryable } from './database.ts';
import { makePartitionsAhead, type RetentionDays, setRetention } from './retention.ts';

const DIRECTORY = fileURLToPath(new URL('./migrations', import.meta.url));
const TABLE = 'pgmigrations';

/**
 * Brings the database to this version's schema, as the role that owns it; of two at once, one waits for the
 * other. Then says how long records are kept, and makes partitions for the next days.
 * @throws AppError SCHEMA_NEWER, RETENTION_TOO_SHORT
 */
export async function migrate(
  login: DatabaseLogin,
  log: (line: string) => void,
  retention: RetentionDays = {},
): Promise<void> {
  const client = new pg.Client({ ...login });
  await client.connect();
  const on: Queryable = { query: (sql, values = []) => client.query(sql, [...values]) };
  try {
    await refuseNewer(on);
    await runner({
      dbClient: client,
      dir: DIRECTORY,
      direction: 'up',
      migrationsTable: TABLE,
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      log,
    });
    // Whoever was waited for may have been of a newer version.
    await refuseNewer(on);
    await setRetention(on, retention);
    await makePartitionsAhead(on);
  } finally {
    await client.end();
  }
}

/**
 * An older server would misread a newer schema, and a newer one miss columns.
 * @throws AppError SCHEMA_NEWER, SCHEMA_OLDER
 */
export async function checkSchema(on: Queryable): Promise<void> {
  const { known, present } = await refuseNewer(on);
  const missing = known.filter((name) => !present.includes(name));
  if (missing.length > 0) {
    throw refusal('SCHEMA_OLDER', {
      detail: `The database has ${present.at(-1) ?? 'no schema'}; missing: ${missing.join(', ')}.`,
    });
  }
}

async function refuseNewer(on: Queryable) {
  const files = await readdir(DIRECTORY);
  const known = files.filter((name) => name.endsWith('.sql')).map((name) => name.slice(0, -4));
  known.sort();
  const present = await migrationsRun(on);
  const unknown = present.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw refusal('SCHEMA_NEWER', {
      detail: `The database has ${unknown.join(', ')}; this version knows up to ${known.at(-1)}.`,
    });
  }
  return { known, present };
}

async function migrationsRun(on: Queryable): Promise<string[]> {
  const { rows: tables } = await on.query<{ there: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS there',
    [TABLE],
  );
  if (tables[0]?.there !== true) return [];
  const { rows } = await on.query<{ name: string }>(`SELECT name FROM ${TABLE} ORDER BY name`);
  return rows.map(({ name }) => name);
}
