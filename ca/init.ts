import type { Logger } from 'pino';
import type { CaConfig } from './config.ts';
import { createAuthority, loadAuthority } from './issuance/index.ts';
import { databaseNow, migrate, setCertificateDays, withConnection } from './store/index.ts';

/** Migrates the database and makes the keys that are not there. May be run again at any time. */
export async function initialize(config: CaConfig, log: Logger): Promise<void> {
  const now = await withConnection(config.migrateDatabase, async (client) => {
    await migrate(client, log);
    const days = config.retentionDays?.certificates;
    if (days !== undefined) await setCertificateDays(client, days);
    return databaseNow(client);
  });
  await createAuthority(config.stateDir, now);
  const { anchor, issuing } = await loadAuthority(config.stateDir);
  log.info({ anchor: anchor.keyId, issuer: issuing.keyId }, 'initialized');
}
