import type { Alert } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** Counts an alert: one row for each thing that happens to one subject, however often it does. */
export async function raiseAlert(
  on: Queryable,
  alert: { readonly code: string; readonly subject: string; readonly detail: string },
  now: Date,
): Promise<void> {
  await on.query(
    `INSERT INTO alerts (code, subject, detail, first_at, last_at) VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT (code, subject) DO UPDATE
       SET count = alerts.count + 1, last_at = EXCLUDED.last_at, detail = EXCLUDED.detail`,
    [alert.code, alert.subject.slice(0, 256), alert.detail.slice(0, 2_048), now],
  );
}

type AlertRow = {
  code: string;
  subject: string;
  detail: string;
  count: string;
  first_at: Date;
  last_at: Date;
};

/** The latest first. */
export async function listAlerts(on: Queryable): Promise<Alert[]> {
  const { rows } = await on.query<AlertRow>(
    `SELECT code, subject, detail, count, first_at, last_at FROM alerts
      ORDER BY last_at DESC, code, subject LIMIT 1000`,
  );
  return rows.map((row) => ({
    code: row.code,
    subject: row.subject,
    detail: row.detail,
    count: Number(row.count),
    firstAt: row.first_at.toISOString(),
    lastAt: row.last_at.toISOString(),
  }));
}
