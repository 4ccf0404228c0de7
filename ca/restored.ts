import type { Logger } from 'pino';
import type { CaConfig } from './config.ts';
import { forgetPending, withConnection } from './store/index.ts';

/** After the database came back from a backup: an enrolment that was under way has no tries any more. */
export async function restored(config: CaConfig, log: Logger): Promise<void> {
  const forgotten = await withConnection(config.database, forgetPending);
  log.info({ forgotten }, 'restored from a backup');
}
