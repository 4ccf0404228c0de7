import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import type { Logger } from 'pino';
import { caError } from '../ca-error.ts';

const DIRECTORY = fileURLToPath(new URL('migrations', import.meta.url));
const TABLE = 'schema_migrations';

/** Runs what has not been run, all of it or nothing. There is no way back. */
export async function migrate(client: pg.Client, log: Logger): Promise<void> {
  const say = (message: string) => log.debug({ message }, 'migration');
  await runner({
    dbClient: client,
    dir: DIRECTORY,
    migrationsTable: TABLE,
    direction: 'up',
    singleTransaction: true,
    advisoryLockMode: 'wait',
    logger: { debug: say, info: say, warn: say, error: say },
  });
}

/** Throws AppError SCHEMA_OLDER or SCHEMA_NEWER unless the database has exactly this version's migrations. */
export async function checkSchemaVersion(pool: pg.Pool): Promise<void> {
  const known = (await readdir(DIRECTORY)).map((file) => file.replace(/\.sql$/, ''));
  const run = await migrationsRun(pool);
  const unknown = run.filter((name) => !known.includes(name));
  const missing = known.filter((name) => !run.includes(name));
  if (unknown.length > 0) throw caError('SCHEMA_NEWER', 503, { detail: unknown.join(', ') });
  if (missing.length > 0) throw caError('SCHEMA_OLDER', 503, { detail: missing.join(', ') });
}

async function migrationsRun(pool: pg.Pool): Promise<string[]> {
  try {
    const { rows } = await pool.query<{ name: string }>(`SELECT name FROM ${TABLE}`);
    return rows.map(({ name }) => name);
  } catch (error) {
    const undefinedTable = (error as { code?: unknown }).code === '42P01';
    if (undefinedTable) return [];
    throw error;
  }
}
