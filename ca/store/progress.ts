import type { CaProgress, SigningJwk } from '@touchstone/schemas';
import type { Queryable } from './transaction.ts';

/** Whose reports are taken: null before the configuration named any. */
export type Reporter = { readonly key: SigningJwk | null; readonly next: SigningJwk | null };

export async function readReporter(on: Queryable): Promise<Reporter> {
  const { rows } = await on.query<Reporter>(
    'SELECT reporter_key AS key, reporter_next_key AS next FROM ca_state',
  );
  return rows[0] ?? { key: null, next: null };
}

/** Whether it still is one, or the next; and nobody else takes its place until the transaction ends. */
export async function isReporter(on: Queryable, key: SigningJwk): Promise<boolean> {
  const { rows } = await on.query(
    'SELECT 1 FROM ca_state WHERE $1::jsonb IN (reporter_key, reporter_next_key) FOR UPDATE',
    [JSON.stringify(key)],
  );
  return rows.length === 1;
}

/** What the configuration says counts when it says something else than the last time: from then on it is turned by reports. */
export async function configureReporter(on: Queryable, key: SigningJwk): Promise<void> {
  await on.query(
    `UPDATE ca_state SET reporter_key = $1, reporter_next_key = NULL, reporter_configured = sha256($2)
     WHERE reporter_configured IS DISTINCT FROM sha256($2)`,
    [JSON.stringify(key), Buffer.from(`${key.x}.${key.y}`)],
  );
}

/** The last report, and when it came. */
export type ReceivedReport = { readonly receivedAt: Date; readonly report: CaProgress };

export async function readProgress(on: Queryable): Promise<ReceivedReport | undefined> {
  const { rows } = await on.query<ReceivedReport>(
    'SELECT received_at AS "receivedAt", report FROM progress',
  );
  return rows[0];
}

/**
 * `false` for one that is not newer than the last. `by` signed it; if that was the key named as the next one, it is the
 * only one from now on.
 */
export async function recordProgress(
  on: Queryable,
  report: CaProgress,
  by: SigningJwk,
): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO progress (reported_at, report) VALUES ($1, $2)
     ON CONFLICT (one) DO UPDATE
       SET reported_at = excluded.reported_at, report = excluded.report, received_at = now()
       WHERE progress.reported_at < excluded.reported_at`,
    [report.at, JSON.stringify(report)],
  );
  if (rowCount !== 1) return false;
  await on.query(
    `UPDATE ca_state SET reporter_key = $1,
       reporter_next_key = CASE WHEN $2::jsonb IS NOT NULL THEN $2 WHEN reporter_next_key = $1::jsonb THEN NULL
         ELSE reporter_next_key END
     WHERE reporter_key IS DISTINCT FROM $1::jsonb OR $2::jsonb IS NOT NULL`,
    [JSON.stringify(by), report.nextKey === undefined ? null : JSON.stringify(report.nextKey)],
  );
  return true;
}
