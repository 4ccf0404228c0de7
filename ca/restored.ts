import type { Logger } from 'pino';
import type { CaConfig } from './config.ts';
import { type FirstOperators, issueForSetup, SETUP } from './operators/index.ts';
import {
  appendAudit,
  claimFirstOperator,
  forgetPending,
  inTransaction,
  lapseEveryApproval,
  makeAllDue,
  openPool,
  raiseEpochAbove,
  readQuorum,
  revokeEveryOperator,
} from './store/index.ts';

/**
 * Once in a database that came back from a backup, before anybody is served from it. Nobody knows here what happened since:
 * - an enrolment that was under way has no tries any more;
 * - every token and every approval ends, for some may have been taken back since; there are new ones, as many as the
 *   quorum takes;
 * - the bundle's epoch is above any that the server may have seen, which else would stay with the newer one;
 * - revocation lists are made anew, under numbers that none had before.
 */
export async function restored(
  config: CaConfig,
  epochSeen: number,
  log: Logger,
): Promise<FirstOperators> {
  const pool = await openPool(config.database, (err) => log.error({ err }, 'database connection'));
  try {
    const forgotten = await forgetPending(pool);
    log.info({ forgotten }, 'restored from a backup');
    await makeAllDue(pool);
    return await inTransaction(pool, async (client) => {
      const epoch = await raiseEpochAbove(client, epochSeen);
      log.info({ epoch }, 'the epoch goes on above all that was seen');
      const operators = await revokeEveryOperator(client);
      const approvals = await lapseEveryApproval(client, SETUP);
      await claimFirstOperator(client);
      await appendAudit(client, {
        ...{ actor: SETUP, action: 'ca.restore', subject: 'a backup' },
        detail: `ended: ${operators} tokens of operators, ${approvals} approvals that waited`,
      });
      return issueForSetup(client, await readQuorum(client), ['restored', 'restored-second']);
    });
  } finally {
    await pool.end();
  }
}
