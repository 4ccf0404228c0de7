import type { Logger } from 'pino';
import type { CaConfig } from './config.ts';
import { establishAuthorities } from './establish.ts';
import { earlierAuthority } from './earlier-authority.ts';
import { openIssuance } from './issuance-client/index.ts';
import { requireHeld } from './issuer-held.ts';
import { databaseNow, migrate, setCertificateDays, withConnection } from './store/index.ts';

/** Migrates the database and makes the keys that are not there. May be run again at any time. */
export async function initialize(config: CaConfig, configFile: string, log: Logger): Promise<void> {
  await withConnection(config.migrateDatabase, async (client) => {
    await migrate(client, log);
    const days = config.retentionDays?.certificates;
    if (days !== undefined) await setCertificateDays(client, days);
    const now = await databaseNow(client);
    const issuance = await openIssuance(config, configFile, log);
    try {
      const earlier = await earlierAuthority(config.stateDir);
      await establishAuthorities(client, issuance, { now, earlier });
      const issuer = await requireHeld(client, issuance);
      log.info({ issuer: issuer.keyId }, 'initialized');
    } finally {
      issuance.close();
    }
  });
}
