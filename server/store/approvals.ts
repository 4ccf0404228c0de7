import type { Approval } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';

/** Where an approval is in the list of them. */
export type ApprovalPosition = readonly [atMs: number, id: string];

type ApprovalRow = {
  id: string;
  digest: string;
  action: string;
  subject: string;
  detail: string;
  state: Approval['state'];
  person: string;
  token: string;
  token_name: string;
  at: Date;
  expires_at: Date;
  decided_by: string | null;
  decided_at: Date | null;
};

const COLUMNS =
  'id, digest, action, subject, detail, state, person, token, token_name, at, expires_at, decided_by, decided_at';

/** `tokenId` is that of the first voice: whether it still counts is looked up when the second comes. */
export type StoredApproval = Approval & { readonly tokenId: string };

const approvalOf = (row: ApprovalRow): StoredApproval => ({
  id: row.id,
  digest: row.digest,
  action: row.action,
  subject: row.subject,
  detail: row.detail,
  state: row.state,
  person: row.person,
  token: row.token_name,
  tokenId: row.token,
  at: row.at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  decidedBy: row.decided_by,
  decidedAt: row.decided_at?.toISOString() ?? null,
});

/** Nobody moves it until the transaction ends. A change of it waits for whoever reads it here. */
export async function holdQuorum(on: Queryable): Promise<number> {
  return readQuorum(on, 'FOR SHARE');
}

export async function lockQuorum(on: Queryable): Promise<number> {
  return readQuorum(on, 'FOR UPDATE');
}

export async function readQuorum(on: Queryable, lock = ''): Promise<number> {
  const { rows } = await on.query<{ quorum: number }>(`SELECT quorum FROM deployment ${lock}`);
  if (rows[0] === undefined) throw new Error('a deployment has one row');
  return rows[0].quorum;
}

export async function setQuorum(on: Queryable, quorum: number): Promise<void> {
  await on.query('UPDATE deployment SET quorum = $1', [quorum]);
}

/** People of whom a token approves, by name. */
export async function approvers(on: Queryable, now: Date): Promise<string[]> {
  const { rows } = await on.query<{ person: string }>(
    `SELECT DISTINCT person FROM api_tokens
      WHERE 'approver' = ANY (roles) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)
      ORDER BY person LIMIT 1000`,
    [now],
  );
  return rows.map(({ person }) => person);
}

/** Null where one waits for the same already: who inserts it at the same time is waited for. */
export async function insertApproval(
  on: Queryable,
  approval: Omit<StoredApproval, 'state' | 'decidedBy' | 'decidedAt'>,
): Promise<StoredApproval | null> {
  const { rows } = await on.query<ApprovalRow>(
    `INSERT INTO approvals (id, digest, action, subject, detail, state, person, token, token_name, at, expires_at)
     VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8, $9, $10)
     ON CONFLICT (digest) WHERE state = 'waiting' DO NOTHING RETURNING ${COLUMNS}`,
    [
      ...[approval.id, approval.digest, approval.action, approval.subject, approval.detail],
      ...[approval.person, approval.tokenId, approval.token, approval.at, approval.expiresAt],
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
  decision: {
    readonly state: 'made' | 'withdrawn' | 'lapsed';
    readonly by: string;
    readonly now: Date;
  },
): Promise<StoredApproval | null> {
  const { rows } = await on.query<ApprovalRow>(
    `UPDATE approvals SET state = $2, decided_by = $3, decided_at = $4
      WHERE id = $1 AND state = 'waiting' RETURNING ${COLUMNS}`,
    [id, decision.state, decision.by, decision.now],
  );
  return rows[0] === undefined ? null : approvalOf(rows[0]);
}

/** The latest first; those that wait and have time left, or all. */
export async function listApprovals(
  on: Queryable,
  { all, now }: { readonly all: boolean; readonly now: Date },
  { limit, after }: PageAfter<ApprovalPosition>,
): Promise<StoredApproval[]> {
  const { rows } = await on.query<ApprovalRow>(
    `SELECT ${COLUMNS} FROM approvals
      WHERE ($2 OR (state = 'waiting' AND expires_at > $3))
        AND ($4::timestamptz IS NULL OR (at, id) < ($4::timestamptz, $5::uuid))
      ORDER BY at DESC, id DESC LIMIT $1`,
    [limit, all, now, after && new Date(after[0]), after?.[1] ?? null],
  );
  return rows.map(approvalOf);
}

export async function countWaiting(on: Queryable, now: Date): Promise<number> {
  const { rows } = await on.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM approvals WHERE state = 'waiting' AND expires_at > $1`,
    [now],
  );
  return rows[0]?.n ?? 0;
}
