import { setTimeout as sleep } from 'node:timers/promises';
import type { Retention, RetentionKind, RetentionRemoval, RetentionRun } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit, lockAudit } from '../store/audit.ts';
import { isBusy } from '../store/database.ts';
import { dueForRemoval, keptKinds, type Removal, removeNext } from '../store/retention.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** What refers to a thing goes before the thing; last the audit log, which tells of the rest. */
const IN_ORDER: readonly RetentionKind[] = [
  'waitingOffers',
  'pendingHosts',
  'attestations',
  'evidence',
  'blobs',
  'starts',
  'browserSessions',
  'apiTokens',
  'joinTokens',
  'alerts',
  'audit',
];

/** A removal waits two seconds for its locks and lets everybody else go first; so often it tries again. */
const TRIES = 5;
const PAUSE_MS = 1_000;

type Keeper = Pick<Verifier, 'database' | 'clock'>;

export async function viewRetention({ database }: Keeper): Promise<Retention> {
  const kinds = await keptKinds(database);
  return {
    kinds: kinds.map(({ since, ...kind }) => ({ ...kind, since: since?.toISOString() ?? null })),
    due: (await dueForRemoval(database)).map(shown),
  };
}

/**
 * Removes what has had its time. Each partition goes in a transaction of its own with its line in the audit
 * log: whoever stops half-way has removed what the log says, and the next run goes on.
 * @throws AppError RETENTION_BUSY
 */
export async function removeDue(keeper: Keeper, actor: string): Promise<RetentionRun> {
  const removed: RetentionRemoval[] = [];
  for (const kind of IN_ORDER) {
    let removal = await removeOne(keeper, actor, kind);
    while (removal !== null) {
      removed.push(shown(removal));
      removal = await removeOne(keeper, actor, kind);
    }
  }
  return { removed };
}

export const runRetention = (verifier: Verifier, by: Actor): Promise<RetentionRun> =>
  removeDue(verifier, auditActor(by));

async function removeOne(
  { database, clock }: Keeper,
  actor: string,
  kind: RetentionKind,
): Promise<Removal | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await database.transaction(async (on) => {
        // Whoever appends holds the chain before the table: so does this.
        if (kind === 'audit') await lockAudit(on);
        const removal = await removeNext(on, kind);
        if (removal !== null) await appendAudit(on, lineOf(actor, removal), clock.now());
        return removal;
      });
    } catch (cause) {
      if (!isBusy(cause)) throw cause;
      if (tries === TRIES) throw refusal('RETENTION_BUSY', { detail: kind, cause });
      await sleep(PAUSE_MS);
    }
  }
}

function lineOf(actor: string, { part, since, until, rows, kept, bytes, note }: Removal) {
  const span = `${since.toISOString()} to ${until.toISOString()}`;
  const moved = kept === 0 ? '' : `, ${kept} kept`;
  const detail = `${rows} rows${moved}, ${bytes} bytes, ${span}${note === '' ? '' : `; ${note}`}`;
  return { actor, action: 'retention.remove', subject: part, detail };
}

const shown = ({ since, until, ...removal }: Removal): RetentionRemoval => ({
  ...removal,
  since: since.toISOString(),
  until: until.toISOString(),
});
