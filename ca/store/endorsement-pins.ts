import type { AssuranceClass } from '@touchstone/endorsement';
import type { Queryable } from './transaction.ts';

/** What an operator said of one EK that nobody vouches for. */
export type StoredPin = {
  readonly ekName: Uint8Array;
  readonly class: AssuranceClass;
  readonly reason: string;
  readonly by: string;
  readonly at: Date;
};

type Row = {
  ek_name: Buffer;
  class: AssuranceClass;
  reason: string;
  pinned_by: string;
  pinned_at: Date;
};

const COLUMNS = 'ek_name, class, reason, pinned_by, pinned_at';

/** Exactly this EK's. */
export async function pinOf(on: Queryable, ekName: Uint8Array): Promise<StoredPin | undefined> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM endorsement_pins WHERE ek_name = $1`,
    [ekName],
  );
  return rows[0] && pinIn(rows[0]);
}

/** The newest first, and how many there are. */
export async function listPins(
  on: Queryable,
  limit: number,
): Promise<{ readonly count: number; readonly pins: readonly StoredPin[] }> {
  const { rows } = await on.query<Row & { count: number }>(
    `SELECT ${COLUMNS}, count(*) OVER ()::integer AS count FROM endorsement_pins
     ORDER BY pinned_at DESC, ek_name LIMIT $1`,
    [limit],
  );
  return { count: rows[0]?.count ?? 0, pins: rows.map(pinIn) };
}

/** `false` where there is one already. */
export async function insertPin(
  on: Queryable,
  { ekName, class: assuranceClass, reason, by }: Omit<StoredPin, 'at'>,
): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO endorsement_pins (ek_name, class, reason, pinned_by) VALUES ($1, $2, $3, $4)
     ON CONFLICT (ek_name) DO NOTHING`,
    [ekName, assuranceClass, reason, by],
  );
  return rowCount === 1;
}

/** undefined where there was none. */
export async function deletePin(on: Queryable, ekName: Uint8Array): Promise<StoredPin | undefined> {
  const { rows } = await on.query<Row>(
    `DELETE FROM endorsement_pins WHERE ek_name = $1 RETURNING ${COLUMNS}`,
    [ekName],
  );
  return rows[0] && pinIn(rows[0]);
}

const pinIn = (row: Row): StoredPin => ({
  ekName: row.ek_name,
  class: row.class,
  reason: row.reason,
  by: row.pinned_by,
  at: row.pinned_at,
});
