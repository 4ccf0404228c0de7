import type { Queryable } from './database.ts';

/** True for the one replica that is to report now. */
export async function claimCaReport(on: Queryable, leastBetweenSeconds: number): Promise<boolean> {
  const { rowCount } = await on.query(
    `UPDATE ca_reports SET at = clock_timestamp()
      WHERE at < clock_timestamp() - make_interval(secs => $1)`,
    [leastBetweenSeconds],
  );
  return rowCount === 1;
}
