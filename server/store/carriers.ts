import type { Queryable } from './database.ts';

/** A replica that was not seen for so long runs elsewhere by now. */
const REMEMBERED = "interval '2 days'";

/** The machines that a replica runs on, by its own word; those that none was seen on for long are forgotten. */
export async function announceCarriers(
  on: Queryable,
  uuids: readonly string[],
  now: Date,
): Promise<void> {
  await on.query(
    `INSERT INTO carriers (uuid, seen_at) SELECT DISTINCT unnest($1::uuid[]), $2::timestamptz
     ON CONFLICT (uuid) DO UPDATE SET seen_at = EXCLUDED.seen_at`,
    [uuids, now],
  );
  await on.query(`DELETE FROM carriers WHERE seen_at < $1::timestamptz - ${REMEMBERED}`, [now]);
}

/** Those of these VMs that a server runs in. */
export async function carriersAmong(
  on: Queryable,
  uuids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await on.query<{ uuid: string }>(
    'SELECT uuid FROM carriers WHERE uuid = ANY ($1::uuid[])',
    [uuids],
  );
  return new Set(rows.map(({ uuid }) => uuid));
}
