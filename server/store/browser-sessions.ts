import type { ApiToken } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

export async function insertBrowserSession(
  on: Queryable,
  session: {
    readonly secretHash: Uint8Array;
    readonly tokenId: string;
    readonly now: Date;
    readonly expiresAt: Date;
  },
): Promise<void> {
  const { secretHash, tokenId, now, expiresAt } = session;
  await on.query(
    `INSERT INTO browser_sessions (secret_hash, token_id, created_at, expires_at)
     VALUES ($1, $2, $3, $4)`,
    [secretHash, tokenId, now, expiresAt],
  );
}

/** All that have ended, and of one token all but the latest. */
export async function sweepBrowserSessions(
  on: Queryable,
  { tokenId, keep, now }: { readonly tokenId: string; readonly keep: number; readonly now: Date },
): Promise<void> {
  await on.query('DELETE FROM browser_sessions WHERE expires_at <= $1', [now]);
  await on.query(
    `DELETE FROM browser_sessions WHERE secret_hash IN (
       SELECT secret_hash FROM browser_sessions WHERE token_id = $1
        ORDER BY created_at DESC OFFSET $2)`,
    [tokenId, keep],
  );
}

/**
 * Whose session it is, while it and the token that it was exchanged for hold; or null. Whatever roles the
 * token has, a browser only looks.
 */
export async function validBrowserSession(
  on: Queryable,
  secretHash: Uint8Array,
  now: Date,
): Promise<ApiToken | null> {
  const { rows } = await on.query<{
    id: string;
    name: string;
    person: string;
    created_at: Date;
    expires_at: Date;
  }>(
    `SELECT t.id, t.name, t.person, s.created_at, s.expires_at
       FROM browser_sessions s JOIN api_tokens t ON t.id = s.token_id
      WHERE s.secret_hash = $1 AND s.expires_at > $2
        AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)`,
    [secretHash, now],
  );
  const [row] = rows;
  if (row === undefined) return null;
  return {
    id: row.id,
    name: row.name,
    person: row.person,
    roles: ['viewer'],
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    revokedAt: null,
  };
}

export async function deleteBrowserSession(on: Queryable, secretHash: Uint8Array): Promise<void> {
  await on.query('DELETE FROM browser_sessions WHERE secret_hash = $1', [secretHash]);
}
