import type { Logger } from 'pino';
import type { CaConfig } from './config.ts';
import { establishAuthorities } from './establish.ts';
import { createAuthority, heldAuthority, loadAuthority } from './issuance/index.ts';
import {
  activeIssuer,
  databaseNow,
  migrate,
  setCertificateDays,
  withConnection,
} from './store/index.ts';

/** Migrates the database and makes the keys that are not there. May be run again at any time. */
export async function initialize(config: CaConfig, log: Logger): Promise<void> {
  await withConnection(config.migrateDatabase, async (client) => {
    await migrate(client, log);
    const days = config.retentionDays?.certificates;
    if (days !== undefined) await setCertificateDays(client, days);
    const now = await databaseNow(client);
    await createAuthority(config.stateDir, now);
    const issuance = await heldAuthority(config.stateDir);
    const { anchor, issuing } = await loadAuthority(config.stateDir);
    const earlier = { root: anchor.der, issuing: issuing.der };
    await establishAuthorities(client, issuance, { now, earlier });
    log.info({ issuer: (await activeIssuer(client))?.keyId }, 'initialized');
  });
}
