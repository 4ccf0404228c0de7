import type { Approval } from '@touchstone/schemas';
import type { Queryable } from './transaction.ts';

type ApprovalRow = {
  id: string;
  digest: string;
  action: string;
  subject: string;
  detail: string;
  state: Approval['state'];
  person: string;
  operator_id: string;
  operator_name: string;
  at: Date;
  expires_at: Date;
  decided_by: string | null;
  decided_at: Date | null;
};

const COLUMNS =
  'id, digest, action, subject, detail, state, person, operator_id, operator_name, at, expires_at, decided_by, decided_at';

/** `operatorId` is the token of the first voice: whether it still counts is looked up when the second comes. */
export type StoredApproval = { readonly approval: Approval; readonly operatorId: string };

const approvalOf = (row: ApprovalRow): StoredApproval => ({
  operatorId: row.operator_id,
  approval: {
    id: row.id,
    digest: row.digest,
    action: row.action,
    subject: row.subject,
    detail: row.detail,
    state: row.state,
    person: row.person,
    token: row.operator_name,
    at: row.at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    decidedBy: row.decided_by,
    decidedAt: row.decided_at?.toISOString() ?? null,
  },
});

/** Null where one waits for the same already: who inserts it at the same time is waited for. */
export async function insertApproval(
  on: Queryable,
  { approval, operatorId }: StoredApproval,
): Promise<StoredApproval | null> {
  const { rows } = await on.query<ApprovalRow>(
    `INSERT INTO approvals
       (id, digest, action, subject, detail, state, person, operator_id, operator_name, at, expires_at)
     VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8, $9, $10)
     ON CONFLICT (digest) WHERE state = 'waiting' DO NOTHING RETURNING ${COLUMNS}`,
    [
      ...[approval.id, approval.digest, approval.action, approval.subject, approval.detail],
      ...[approval.person, operatorId, approval.token, approval.at, approval.expiresAt],
    ],
  );
  return rows[0] === undefined ? null : approvalOf(rows[0]);
}

/** By its digest the one that waits, locked. */
export async function lockWaiting(on: Queryable, digest: string): Promise<StoredApproval | null> {
  const { rows } = await on.query<ApprovalRow>(
    `SELECT ${COLUMNS} FROM approvals WHERE digest = $1 AND state = 'waiting' FOR UPDATE`,
    [digest],
  );
  return rows[0] === undefined ? null : approvalOf(rows[0]);
}

/** Null where it does not wait any more, or never was. */
export async function decideApproval(
  on: Queryable,
  id: string,
  state: 'made' | 'withdrawn' | 'lapsed',
  by: string,
): Promise<Approval | null> {
  const { rows } = await on.query<ApprovalRow>(
    `UPDATE approvals SET state = $2, decided_by = $3, decided_at = now()
      WHERE id = $1 AND state = 'waiting' RETURNING ${COLUMNS}`,
    [id, state, by],
  );
  return rows[0] === undefined ? null : approvalOf(rows[0]).approval;
}

/** The latest first; those that wait and have time left, or all. */
export async function listApprovals(on: Queryable, all: boolean): Promise<Approval[]> {
  const { rows } = await on.query<ApprovalRow>(
    `SELECT ${COLUMNS} FROM approvals WHERE $1 OR (state = 'waiting' AND expires_at > now())
      ORDER BY at DESC, id DESC LIMIT 1000`,
    [all],
  );
  return rows.map((row) => approvalOf(row).approval);
}

export async function countWaiting(on: Queryable): Promise<number> {
  const { rows } = await on.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM approvals WHERE state = 'waiting' AND expires_at > now()`,
  );
  return rows[0]?.n ?? 0;
}

/** After a restore: nobody knows which of them were taken back. */
export async function lapseEveryApproval(on: Queryable, by: string): Promise<number> {
  const { rowCount } = await on.query(
    `UPDATE approvals SET state = 'lapsed', decided_by = $1, decided_at = now() WHERE state = 'waiting'`,
    [by],
  );
  return rowCount ?? 0;
}
