import type { AssuranceClass, JoinToken, Labels } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';

/** Where a token is in the list of join tokens. */
export type JoinTokenPosition = readonly [createdAtMs: number, id: string];

type JoinTokenRow = {
  id: string;
  classes: AssuranceClass[];
  labels: Labels;
  uses_left: number;
  approve: boolean;
  host_name: string | null;
  created_by: string;
  created_at: Date;
  expires_at: Date;
  revoked_at: Date | null;
};

const COLUMNS =
  'id, classes, labels, uses_left, approve, host_name, created_by, created_at, expires_at, revoked_at';

const tokenOf = (row: JoinTokenRow): JoinToken => ({
  id: row.id,
  classes: row.classes,
  labels: row.labels,
  usesLeft: row.uses_left,
  approve: row.approve,
  host: row.host_name,
  createdBy: row.created_by,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

export async function insertJoinToken(
  on: Queryable,
  token: JoinToken,
  secretHash: Uint8Array,
  createdByToken: string | null = null,
): Promise<void> {
  await on.query(
    `INSERT INTO join_tokens (id, secret_hash, classes, labels, uses_left, approve, host_name,
                              created_by, created_at, expires_at, created_by_token)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      token.id,
      secretHash,
      token.classes,
      JSON.stringify(token.labels),
      token.usesLeft,
      token.approve,
      token.host,
      token.createdBy,
      token.createdAt,
      token.expiresAt,
      createdByToken,
    ],
  );
}

/** Takes one use, or null: one statement, so that a use is never taken twice. */
export async function takeJoinToken(
  on: Queryable,
  secretHash: Uint8Array,
  {
    class: assuranceClass,
    name,
    now,
  }: { readonly class: AssuranceClass; readonly name: string; readonly now: Date },
): Promise<JoinToken | null> {
  const { rows } = await on.query<JoinTokenRow>(
    `UPDATE join_tokens SET uses_left = uses_left - 1
      WHERE secret_hash = $1 AND uses_left > 0 AND revoked_at IS NULL AND expires_at > $2
        AND $3 = ANY (classes) AND (host_name IS NULL OR host_name = $4)
      RETURNING ${COLUMNS}`,
    [secretHash, now, assuranceClass, name],
  );
  return rows[0] === undefined ? null : tokenOf(rows[0]);
}

export async function joinTokenByHash(
  on: Queryable,
  secretHash: Uint8Array,
): Promise<JoinToken | null> {
  const { rows } = await on.query<JoinTokenRow>(
    `SELECT ${COLUMNS} FROM join_tokens WHERE secret_hash = $1`,
    [secretHash],
  );
  return rows[0] === undefined ? null : tokenOf(rows[0]);
}

/** The newest first; `after` is time and id of one. */
export async function listJoinTokens(
  on: Queryable,
  { limit, after }: PageAfter<JoinTokenPosition>,
): Promise<JoinToken[]> {
  const { rows } = await on.query<JoinTokenRow>(
    `SELECT ${COLUMNS} FROM join_tokens
      WHERE $2::timestamptz IS NULL OR (created_at, id) < ($2::timestamptz, $3::uuid)
      ORDER BY created_at DESC, id DESC LIMIT $1`,
    [limit, after && new Date(after[0]), after?.[1] ?? null],
  );
  return rows.map(tokenOf);
}

export async function revokeJoinToken(
  on: Queryable,
  id: string,
  now: Date,
): Promise<JoinToken | null> {
  const { rows } = await on.query<JoinTokenRow>(
    `UPDATE join_tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, now],
  );
  return rows[0] === undefined ? null : tokenOf(rows[0]);
}

/** Those that somebody can still use. */
export async function joinTokensMadeBy(
  on: Queryable,
  makers: readonly string[],
  now: Date,
): Promise<JoinToken[]> {
  const { rows } = await on.query<JoinTokenRow>(
    `SELECT ${COLUMNS} FROM join_tokens
      WHERE created_by_token = ANY ($1::uuid[]) AND revoked_at IS NULL AND uses_left > 0
        AND expires_at > $2
      ORDER BY created_at, id`,
    [makers, now],
  );
  return rows.map(tokenOf);
}
