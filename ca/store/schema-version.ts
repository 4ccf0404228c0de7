import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import type { Logger } from 'pino';
import { caError } from '../ca-error.ts';

const DIRECTORY = fileURLToPath(new URL('migrations', import.meta.url));
const TABLE = 'schema_migrations';

/**
 * Runs what has not been run, all of it or nothing; of two at once, one waits for the other. There is no way
 * back, and nothing is done to a newer version's database.
 * @throws AppError SCHEMA_NEWER
 */
export async function migrate(client: pg.Client, log: Logger): Promise<void> {
  await refuseNewer(client);
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
  // Whoever was waited for may have been of a newer version.
  await refuseNewer(client);
}

/** Throws AppError SCHEMA_OLDER or SCHEMA_NEWER unless the database has exactly this version's migrations. */
export async function checkSchemaVersion(pool: pg.Pool): Promise<void> {
  const { known, run } = await refuseNewer(pool);
  const missing = known.filter((name) => !run.includes(name));
  if (missing.length > 0) throw caError('SCHEMA_OLDER', 503, { detail: missing.join(', ') });
}

async function refuseNewer(on: pg.Pool | pg.Client) {
  const known = (await readdir(DIRECTORY)).map((file) => file.replace(/\.sql$/, ''));
  const run = await migrationsRun(on);
  const unknown = run.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw caError('SCHEMA_NEWER', 503, { detail: unknown.join(', ') });
  return { known, run };
}

async function migrationsRun(on: pg.Pool | pg.Client): Promise<string[]> {
  try {
    const { rows } = await on.query<{ name: string }>(`SELECT name FROM ${TABLE}`);
    return rows.map(({ name }) => name);
  } catch (error) {
    const undefinedTable = (error as { code?: unknown }).code === '42P01';
    if (undefinedTable) return [];
    throw error;
  }
}
