import type { ApiToken, Role } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';

/** Where a token is in the list of tokens. */
export type ApiTokenPosition = readonly [createdAtMs: number, id: string];

type ApiTokenRow = {
  id: string;
  name: string;
  person: string;
  roles: Role[];
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
};

const COLUMNS = 'id, name, person, roles, created_at, expires_at, revoked_at';

const tokenOf = (row: ApiTokenRow): ApiToken => ({
  id: row.id,
  name: row.name,
  person: row.person,
  roles: row.roles,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at?.toISOString() ?? null,
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

export async function insertApiToken(
  on: Queryable,
  token: ApiToken,
  secretHash: Uint8Array,
  createdByToken: string | null = null,
): Promise<void> {
  await on.query(
    `INSERT INTO api_tokens (id, name, secret_hash, roles, created_at, expires_at, created_by_token, person)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      token.id,
      token.name,
      secretHash,
      token.roles,
      token.createdAt,
      token.expiresAt,
      createdByToken,
      token.person,
    ],
  );
}

/** Whoever revokes it waits until the transaction ends, or it is seen to be revoked here. */
export async function isRevoked(on: Queryable, id: string): Promise<boolean> {
  const { rows } = await on.query<{ revoked: boolean }>(
    'SELECT revoked_at IS NOT NULL AS revoked FROM api_tokens WHERE id = $1 FOR SHARE',
    [id],
  );
  return rows[0]?.revoked ?? false;
}

/** Whether it holds, with this role. Whoever revokes it waits until the transaction ends. */
export async function isLive(on: Queryable, id: string, role: Role, now: Date): Promise<boolean> {
  const { rowCount } = await on.query(
    `SELECT FROM api_tokens
      WHERE id = $1 AND $2 = ANY (roles) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
        FOR SHARE`,
    [id, role, now],
  );
  return rowCount === 1;
}

export async function apiTokenById(on: Queryable, id: string): Promise<ApiToken | null> {
  const { rows } = await on.query<ApiTokenRow>(`SELECT ${COLUMNS} FROM api_tokens WHERE id = $1`, [
    id,
  ]);
  return rows[0] === undefined ? null : tokenOf(rows[0]);
}

export type MadeApiToken = { readonly token: ApiToken; readonly live: boolean };

export async function apiTokensMadeBy(
  on: Queryable,
  makers: readonly string[],
  now: Date,
): Promise<MadeApiToken[]> {
  const { rows } = await on.query<ApiTokenRow & { live: boolean }>(
    `SELECT ${COLUMNS}, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AS live
       FROM api_tokens WHERE created_by_token = ANY ($1::uuid[]) ORDER BY created_at, id`,
    [makers, now],
  );
  return rows.map((row) => ({ token: tokenOf(row), live: row.live }));
}

/** Neither expired nor revoked, or null. */
export async function validApiToken(
  on: Queryable,
  secretHash: Uint8Array,
  now: Date,
): Promise<ApiToken | null> {
  const { rows } = await on.query<ApiTokenRow>(
    `SELECT ${COLUMNS} FROM api_tokens
      WHERE secret_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
    [secretHash, now],
  );
  return rows[0] === undefined ? null : tokenOf(rows[0]);
}

/** The newest first; `after` is time and id of one. */
export async function listApiTokens(
  on: Queryable,
  { limit, after }: PageAfter<ApiTokenPosition>,
): Promise<ApiToken[]> {
  const { rows } = await on.query<ApiTokenRow>(
    `SELECT ${COLUMNS} FROM api_tokens
      WHERE $2::timestamptz IS NULL OR (created_at, id) < ($2::timestamptz, $3::uuid)
      ORDER BY created_at DESC, id DESC LIMIT $1`,
    [limit, after && new Date(after[0]), after?.[1] ?? null],
  );
  return rows.map(tokenOf);
}

export async function revokeApiToken(
  on: Queryable,
  id: string,
  now: Date,
): Promise<ApiToken | null> {
  const { rows } = await on.query<ApiTokenRow>(
    `UPDATE api_tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, now],
  );
  return rows[0] === undefined ? null : tokenOf(rows[0]);
}

/** True once in a deployment's life. */
export async function claimFirstToken(on: Queryable, now: Date): Promise<boolean> {
  const { rowCount } = await on.query(
    'UPDATE deployment SET first_token_at = $1 WHERE first_token_at IS NULL',
    [now],
  );
  return rowCount === 1;
}
