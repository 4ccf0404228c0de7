import { X509Certificate } from 'node:crypto';
import type { Queryable } from './database.ts';

/** Something that ends. `since` is when it began: what lives for a day is not announced a month before. */
export type Ending = { readonly subject: string; readonly since: Date; readonly endsAt: Date };

/** More are not told one by one. */
const MOST = 1_000;

type Window = { readonly after: Date; readonly before: Date };

export async function endingBaselines(on: Queryable, window: Window): Promise<Ending[]> {
  return endings(
    on,
    `SELECT 'baseline ' || name || '/' || part || '/' || version AS subject,
            coalesce(approved_at, drafted_at) AS since, (document ->> 'expires')::timestamptz AS ends_at
       FROM baselines WHERE state = 'active' AND document ? 'expires'`,
    window,
  );
}

export async function endingApiTokens(on: Queryable, window: Window): Promise<Ending[]> {
  return endings(
    on,
    `SELECT 'token ' || name || ' ' || id AS subject, created_at AS since, expires_at AS ends_at
       FROM api_tokens WHERE revoked_at IS NULL AND expires_at IS NOT NULL`,
    window,
  );
}

/** Those that hosts could still come with. */
export async function endingJoinTokens(on: Queryable, window: Window): Promise<Ending[]> {
  return endings(
    on,
    `SELECT 'join token ' || id AS subject, created_at AS since, expires_at AS ends_at
       FROM join_tokens WHERE revoked_at IS NULL AND uses_left > 0`,
    window,
  );
}

async function endings(on: Queryable, sql: string, { after, before }: Window): Promise<Ending[]> {
  const { rows } = await on.query<{ subject: string; since: Date; ends_at: Date }>(
    `SELECT subject, since, ends_at FROM (${sql}) ending
      WHERE ends_at > $1 AND ends_at < $2 ORDER BY ends_at LIMIT ${MOST}`,
    [after, before],
  );
  return rows.map(({ ends_at: endsAt, ...row }) => ({ ...row, endsAt }));
}

/**
 * Hosts that attested though their AK certificate was due long before: they do not renew. One that was away
 * renews by itself when it is back, and is not among them.
 */
export async function hostsThatDoNotRenew(
  on: Queryable,
  { now, overdueMs }: { readonly now: Date; readonly overdueMs: number },
): Promise<Ending[]> {
  const { rows } = await on.query<{ name: string; ak_certificate: Buffer; last: Date }>(
    `SELECT name, ak_certificate, last_authentic_at AS last FROM hosts
      WHERE removed_at IS NULL AND state IN ('trusted', 'untrusted')
        AND (ak_not_after IS NULL
             OR (ak_not_after < $1 AND last_authentic_at > ak_not_after - make_interval(secs => $2)))
      ORDER BY ak_not_after LIMIT ${MOST}`,
    [new Date(now.getTime() + overdueMs), overdueMs / 1_000],
  );
  return rows.flatMap(({ name, ak_certificate: der, last }) => {
    const { validFromDate: since, validToDate: endsAt } = new X509Certificate(der);
    const overdue = endsAt.getTime() - overdueMs;
    const isOverdue = now.getTime() > overdue && last.getTime() > overdue;
    return isOverdue ? [{ subject: `host ${name}`, since, endsAt }] : [];
  });
}

/** True the first time: a threshold of an end is told of once, whoever looks how often. */
export async function rememberReminder(
  on: Queryable,
  reminder: { code: string; subject: string; endsAt: Date; daysBefore: number },
): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO reminders (code, subject, ends_at, days_before) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING`,
    [reminder.code, reminder.subject, reminder.endsAt, reminder.daysBefore],
  );
  return rowCount === 1;
}
