import type { Queryable } from './database.ts';

export async function insertRestore(
  on: Queryable,
  restore: { readonly id: string; readonly at: Date; readonly backupAt: Date },
): Promise<void> {
  await on.query('INSERT INTO restores (id, at, backup_at) VALUES ($1, $2, $3)', [
    restore.id,
    restore.at,
    restore.backupAt,
  ]);
}

/** The id of the newest; null in a database that never came back from a backup. */
export async function newestRestore(on: Queryable): Promise<string | null> {
  const { rows } = await on.query<{ id: string }>(
    'SELECT id FROM restores ORDER BY sequence DESC LIMIT 1',
  );
  return rows[0]?.id ?? null;
}

export type Ended = {
  readonly apiTokens: number;
  readonly joinTokens: number;
  readonly browserSessions: number;
};

/** Everything by which somebody may act without a TPM: nobody knows which of it was taken back since. */
export async function endCredentials(on: Queryable, now: Date): Promise<Ended> {
  const sessions = await on.query('DELETE FROM browser_sessions');
  const tokens = (table: 'api_tokens' | 'join_tokens') =>
    on.query(`UPDATE ${table} SET revoked_at = $1 WHERE revoked_at IS NULL`, [now]);
  const api = await tokens('api_tokens');
  const join = await tokens('join_tokens');
  return {
    apiTokens: api.rowCount ?? 0,
    joinTokens: join.rowCount ?? 0,
    browserSessions: sessions.rowCount ?? 0,
  };
}

/**
 * Orders get numbers above any that hosts may have heard since the backup: seconds since 1970, which changes of a host's
 * state do not overtake.
 */
export async function supersedeOrders(on: Queryable, now: Date): Promise<void> {
  await on.query('UPDATE hosts SET orders_sequence = greatest(orders_sequence + 1, $1)', [
    Math.floor(now.getTime() / 1_000),
  ]);
}
