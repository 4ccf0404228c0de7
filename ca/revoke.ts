import type { Logger } from 'pino';
import type { CaConfig } from './config.ts';
import { revokeTpm } from './revocation/index.ts';
import { withConnection } from './store/index.ts';

/**
 * No certificate any more for the TPM with this ekRef (hex), and those that it has are revoked: the CA that serves
 * makes their lists within seconds, or as soon as it runs.
 * @throws AppError EK_UNKNOWN
 */
export async function revokeEk(
  config: CaConfig,
  { ekRef, reason }: { readonly ekRef: string; readonly reason: string },
  log: Logger,
): Promise<void> {
  const certificates = await withConnection(config.database, async (client) => {
    await client.query('BEGIN');
    const revoked = await revokeTpm(client, Buffer.from(ekRef, 'hex'), reason);
    await client.query('COMMIT');
    return revoked;
  });
  log.info({ ekRef, reason, certificates }, 'endorsement key revoked');
}
