import type { CaOperator, CaRole } from '@touchstone/schemas';
import type { Queryable } from './transaction.ts';

type OperatorRow = {
  id: string;
  name: string;
  person: string;
  role: CaRole;
  created_by: string;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
};

const COLUMNS = 'id, name, person, role, created_by, created_at, expires_at, revoked_at';
const LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

const operatorOf = (row: OperatorRow): CaOperator => ({
  id: row.id,
  name: row.name,
  person: row.person,
  role: row.role,
  createdBy: row.created_by,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at?.toISOString() ?? null,
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

export async function insertOperator(
  on: Queryable,
  operator: CaOperator,
  secretHash: Uint8Array,
): Promise<void> {
  await on.query(
    `INSERT INTO operators (id, name, person, role, secret_hash, created_by, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ...[operator.id, operator.name, operator.person, operator.role, secretHash],
      ...[operator.createdBy, operator.createdAt, operator.expiresAt],
    ],
  );
}

/** Neither expired nor revoked, or null. */
export async function operatorByHash(
  on: Queryable,
  secretHash: Uint8Array,
): Promise<CaOperator | null> {
  const { rows } = await on.query<OperatorRow>(
    `SELECT ${COLUMNS} FROM operators WHERE secret_hash = $1 AND ${LIVE}`,
    [secretHash],
  );
  return rows[0] === undefined ? null : operatorOf(rows[0]);
}

/** Whether it holds, with this role where one is named. Whoever revokes it waits until the transaction ends. */
export async function isLiveOperator(on: Queryable, id: string, role?: CaRole): Promise<boolean> {
  const { rowCount } = await on.query(
    `SELECT FROM operators WHERE id = $1 AND ($2::text IS NULL OR role = $2) AND ${LIVE} FOR SHARE`,
    [id, role ?? null],
  );
  return rowCount === 1;
}

/** The latest first. */
export async function listOperators(on: Queryable, all: boolean): Promise<CaOperator[]> {
  const { rows } = await on.query<OperatorRow>(
    `SELECT ${COLUMNS} FROM operators WHERE $1 OR (${LIVE}) ORDER BY created_at DESC, id DESC LIMIT 1000`,
    [all],
  );
  return rows.map(operatorOf);
}

/** null where there is none. One that was revoked before stays so since then. */
export async function revokeOperator(on: Queryable, id: string): Promise<CaOperator | null> {
  const { rows } = await on.query<OperatorRow>(
    `UPDATE operators SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING ${COLUMNS}`,
    [id],
  );
  return rows[0] === undefined ? null : operatorOf(rows[0]);
}

/** All of them. How many held. */
export async function revokeEveryOperator(on: Queryable): Promise<number> {
  const { rowCount } = await on.query(`UPDATE operators SET revoked_at = now() WHERE ${LIVE}`);
  return rowCount ?? 0;
}

/** True once in a CA's life. */
export async function claimFirstOperator(on: Queryable): Promise<boolean> {
  const { rowCount } = await on.query(
    'UPDATE operating SET first_operator_at = now() WHERE first_operator_at IS NULL',
  );
  return rowCount === 1;
}
