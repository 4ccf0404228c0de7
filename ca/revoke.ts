import type { Logger } from 'pino';
import { caError } from './ca-error.ts';
import type { CaConfig } from './config.ts';
import { revokeEndorsementKey, withConnection } from './store/index.ts';

/**
 * No certificate any more for the TPM with this ekRef (hex), from the next statement on. The one that it has
 * lives on for its seven days: the server's own revocation of the host ends that.
 * @throws AppError EK_UNKNOWN
 */
export async function revokeEk(
  config: CaConfig,
  { ekRef, reason }: { readonly ekRef: string; readonly reason: string },
  log: Logger,
): Promise<void> {
  const known = await withConnection(config.database, (client) =>
    revokeEndorsementKey(client, Buffer.from(ekRef, 'hex'), reason),
  );
  if (!known) throw caError('EK_UNKNOWN', 404, { detail: ekRef });
  log.info({ ekRef, reason }, 'endorsement key revoked');
}
