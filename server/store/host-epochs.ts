import type { Queryable } from './database.ts';

/** As many as are named; the others are counted. */
const NAMED = 100;

export type HostsBehind = { readonly count: number; readonly named: readonly string[] };

/** Of hosts that may attest, and did since: those that have not shown this trust bundle. */
export async function hostsWithBundleBelow(
  on: Queryable,
  epoch: number,
  since: Date,
): Promise<HostsBehind> {
  const { rows } = await on.query<{ name: string; count: string }>(
    `SELECT name, count(*) OVER () AS count FROM hosts
      WHERE removed_at IS NULL AND state IN ('trusted', 'untrusted')
        AND bundle_epoch < $1 AND last_authentic_at >= $2
      ORDER BY name LIMIT ${NAMED}`,
    [epoch, since],
  );
  return { count: Number(rows[0]?.count ?? 0), named: rows.map(({ name }) => name) };
}
