import type pg from 'pg';
import { caError } from '../ca-error.ts';
import { forgetExpiredEnrollments } from './enrollments.ts';

/** As the owner. @throws AppError RETENTION_TOO_SHORT, and nothing is changed */
export async function setCertificateDays(client: pg.Client, days: number): Promise<void> {
  const { rows } = await client.query<{ least: number }>(
    `SELECT minimum_days AS least FROM retention WHERE kind = 'certificates'`,
  );
  const least = rows[0]?.least ?? Infinity;
  if (days < least) {
    throw caError('RETENTION_TOO_SHORT', 400, {
      detail: `certificates: ${days}, at least ${least}`,
    });
  }
  await client.query(`UPDATE retention SET days = $1 WHERE kind = 'certificates'`, [days]);
}

/** How many went. Twice at once is once. */
export async function forgetEnded(
  pool: pg.Pool,
): Promise<{ readonly certificates: number; readonly enrollments: number }> {
  const { rows } = await pool.query<{ count: string }>(
    'SELECT forget_ended_certificates() AS count',
  );
  return {
    certificates: Number(rows[0]?.count ?? 0),
    enrollments: await forgetExpiredEnrollments(pool),
  };
}
