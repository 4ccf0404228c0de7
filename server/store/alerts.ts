import type { Alert } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/**
 * Counts an alert: one row for each thing that happens to one subject, however often it does. One that somebody
 * had seen to is open again.
 */
export async function raiseAlert(
  on: Queryable,
  alert: { readonly code: string; readonly subject: string; readonly detail: string },
  now: Date,
): Promise<void> {
  await on.query(
    `INSERT INTO alerts (code, subject, detail, first_at, last_at) VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT (code, subject) DO UPDATE
       SET count = alerts.count + 1, last_at = EXCLUDED.last_at, detail = EXCLUDED.detail,
           acknowledged_at = NULL, acknowledged_by = NULL`,
    [alert.code, alert.subject.slice(0, 256), alert.detail.slice(0, 2_048), now],
  );
}

/** How often it has happened, for whoever is the first to write a line in the audit log within an hour; or null. */
export async function countToAudit(
  on: Queryable,
  { code, subject }: { readonly code: string; readonly subject: string },
  now: Date,
): Promise<number | null> {
  const { rows } = await on.query<{ count: string }>(
    `UPDATE alerts SET audited_at = $3
      WHERE code = $1 AND subject = $2
        AND (audited_at IS NULL OR audited_at <= $3::timestamptz - interval '1 hour')
      RETURNING count`,
    [code, subject.slice(0, 256), now],
  );
  return rows[0] === undefined ? null : Number(rows[0].count);
}

export type StoredAlert = Omit<Alert, 'remedy'>;

type AlertRow = {
  id: string;
  code: string;
  subject: string;
  detail: string;
  count: string;
  first_at: Date;
  last_at: Date;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
};

const COLUMNS = `id, code, subject, detail, count, first_at, last_at, acknowledged_at,
  acknowledged_by`;

const alertOf = (row: AlertRow): StoredAlert => ({
  id: row.id,
  code: row.code,
  subject: row.subject,
  detail: row.detail,
  count: Number(row.count),
  firstAt: row.first_at.toISOString(),
  lastAt: row.last_at.toISOString(),
  acknowledgedAt: row.acknowledged_at?.toISOString() ?? null,
  acknowledgedBy: row.acknowledged_by,
});

/** The latest first; `all`: those too that somebody has seen to. */
export async function listAlerts(
  on: Queryable,
  { all }: { readonly all: boolean },
): Promise<StoredAlert[]> {
  const { rows } = await on.query<AlertRow>(
    `SELECT ${COLUMNS} FROM alerts WHERE $1 OR acknowledged_at IS NULL
      ORDER BY last_at DESC, code, subject LIMIT 1000`,
    [all],
  );
  return rows.map(alertOf);
}

export async function alertById(on: Queryable, id: string, lock = ''): Promise<StoredAlert | null> {
  const { rows } = await on.query<AlertRow>(`SELECT ${COLUMNS} FROM alerts WHERE id = $1 ${lock}`, [
    id,
  ]);
  return rows[0] === undefined ? null : alertOf(rows[0]);
}

/** It neither happens again nor is acknowledged until the transaction ends. */
export const lockAlert = (on: Queryable, id: string) => alertById(on, id, 'FOR UPDATE');

export async function openAlerts(
  on: Queryable,
  codes: readonly string[],
): Promise<Pick<StoredAlert, 'id' | 'code' | 'subject'>[]> {
  const { rows } = await on.query<Pick<StoredAlert, 'id' | 'code' | 'subject'>>(
    'SELECT id, code, subject FROM alerts WHERE code = ANY ($1) AND acknowledged_at IS NULL',
    [codes],
  );
  return rows;
}

export async function acknowledgeAlert(
  on: Queryable,
  id: string,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<void> {
  await on.query(
    `UPDATE alerts SET acknowledged_at = $2, acknowledged_by = $3
      WHERE id = $1 AND acknowledged_at IS NULL`,
    [id, now, by],
  );
}
