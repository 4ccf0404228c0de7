import type { Logger } from 'pino';
import { loginOf, type ServerConfig } from './config.ts';
import { type DatabaseClock, databaseClock } from './services/database-clock.ts';
import { type Database, openDatabase } from './store/database.ts';
import { checkSchema } from './store/migrate.ts';
import { makePartitionsAhead } from './store/retention.ts';

/** Does one thing in a database of this schema, writes what came of it, and serves nobody. */
export async function answerOnce(
  config: ServerConfig,
  log: Logger,
  work: (parts: { readonly database: Database; readonly clock: DatabaseClock }) => Promise<object>,
): Promise<void> {
  const database = openDatabase(await loginOf(config.database), (err) =>
    log.error({ err }, 'database connection lost'),
  );
  try {
    await checkSchema(database);
    await makePartitionsAhead(database);
    const clock = databaseClock(database);
    await clock.measure();
    process.stdout.write(`${JSON.stringify(await work({ database, clock }))}\n`);
  } finally {
    await database.close();
  }
}
