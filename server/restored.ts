import type { Logger } from 'pino';
import { answerOnce } from './answer-once.ts';
import { bundleSigners } from './bundle-signers.ts';
import type { ServerConfig } from './config.ts';
import { afterRestore } from './services/after-restore.ts';

/** After a database came back from a backup, and before anybody is served from it. */
export async function restored(config: ServerConfig, log: Logger, backupAt: Date): Promise<void> {
  await answerOnce(config, log, async (parts) =>
    afterRestore({ ...parts, ...(await bundleSigners(config)) }, backupAt),
  );
}
