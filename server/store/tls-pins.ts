import type { Queryable } from './database.ts';

type Side = 'server' | 'ca';

/** Longer than a restart of every replica, one after the other, takes. */
const KEPT = '10 minutes';

/** What a process of that side shows, or will show. `anchoredBy`: the configured pin that vouched for the first. */
export async function announcePins(
  on: Queryable,
  {
    side,
    pins,
    anchoredBy = '',
    now,
  }: {
    readonly side: Side;
    readonly pins: readonly string[];
    readonly anchoredBy?: string;
    readonly now: Date;
  },
): Promise<void> {
  await on.query(
    `INSERT INTO tls_pins (side, pin, anchored_by, seen_at)
     SELECT $1, unnest($2::text[]), $3, $4
     ON CONFLICT (side, pin) DO UPDATE
       SET anchored_by = EXCLUDED.anchored_by, seen_at = greatest(tls_pins.seen_at, EXCLUDED.seen_at)`,
    [side, [...pins].toSorted(), anchoredBy, now],
  );
}

/**
 * The pins of all replicas of that side, in an order that stays. One that no replica named for a while before the
 * last word of any is gone; silence of all of them takes none away.
 */
export async function livePins(on: Queryable, side: Side, anchoredBy = ''): Promise<string[]> {
  const { rows } = await on.query<{ pin: string }>(
    `SELECT pin FROM tls_pins
      WHERE side = $1 AND anchored_by = $2
        AND seen_at > (SELECT max(seen_at) FROM tls_pins WHERE side = $1 AND anchored_by = $2) - interval '${KEPT}'
      ORDER BY pin LIMIT 8`,
    [side, anchoredBy],
  );
  return rows.map(({ pin }) => pin);
}
