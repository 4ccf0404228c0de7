import { randomUUID } from 'node:crypto';
import { raiseAlert } from '../store/alerts.ts';
import { readQuorum } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { type Ended, endCredentials, insertRestore, supersedeOrders } from '../store/restores.ts';
import { createTokenWithAllRoles } from './api-tokens.ts';
import type { DatabaseClock } from './database-clock.ts';
import { type BundleSigners, supersedeBundles } from './trust-bundles.ts';

export type AfterRestore = {
  /** An operator's token with every role: all others have ended. */
  readonly token: string;
  /** Where loosening takes two people: one for the other. */
  readonly secondToken?: string;
  readonly ended: Ended;
  /** Null where there was no trust bundle yet. */
  readonly bundleEpoch: { readonly was: number; readonly now: number } | null;
};

/**
 * What has to happen once in a database that came back from a backup, before anybody is served from it.
 * Everything that happened since the backup is unknown here, so:
 * - challenges given out before are answered by nobody: their keys depend on the newest restore;
 * - every API token, join token and browser session ends, for some may have been revoked or used since;
 * - the next trust bundle has an epoch above any that agents may have taken since, and so have hosts' orders.
 * What hosts are and what is approved stays as the backup has it; people are told by an alert to look at that.
 */
export async function afterRestore(
  {
    database,
    clock,
    ...signers
  }: { readonly database: Database } & BundleSigners & {
      readonly clock: Pick<DatabaseClock, 'now'>;
    },
  backupAt: Date,
): Promise<AfterRestore> {
  const now = clock.now();
  const id = randomUUID();
  return database.transaction(async (on) => {
    await insertRestore(on, { id, at: now, backupAt });
    const ended = await endCredentials(on, now);
    await supersedeOrders(on, now);
    const bundleEpoch = await supersedeBundles(on, signers, now);
    const detail =
      `of a backup made ${backupAt.toISOString()}; ended: ${ended.apiTokens} API tokens, ` +
      `${ended.joinTokens} join tokens, ${ended.browserSessions} browser sessions`;
    const subject = `restore ${id}`;
    await appendAudit(on, { actor: 'setup', action: 'deployment.restore', subject, detail }, now);
    const look = `what was revoked, removed or retired after ${backupAt.toISOString()} is back: look at hosts, baselines and VMs`;
    await raiseAlert(on, { code: 'DEPLOYMENT_RESTORED', subject, detail: look }, now);
    const { token } = await createTokenWithAllRoles(on, { name: 'restored', now });
    if ((await readQuorum(on)) < 2) return { token, ended, bundleEpoch };
    const second = await createTokenWithAllRoles(on, { name: 'restored-second', now });
    return { token, secondToken: second.token, ended, bundleEpoch };
  });
}
