import type pg from 'pg';
import type { Queryable } from './transaction.ts';

export type EndorsementKeyState = 'active' | 'revoked' | 'decommissioned';

/** `active` for one that was never seen, too. */
export async function stateOfEk(pool: pg.Pool, ekName: Uint8Array): Promise<EndorsementKeyState> {
  const { rows } = await pool.query<{ state: EndorsementKeyState }>(
    `SELECT ${STATE} AS state FROM endorsement_keys WHERE ek_name = $1`,
    [ekName],
  );
  return rows[0]?.state ?? 'active';
}

const STATE = `CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
  WHEN decommissioned_at IS NOT NULL THEN 'decommissioned' ELSE 'active' END`;

/** For good: there is no way back. `false` where no EK has that ekRef. */
export async function revokeEndorsementKey(
  database: Queryable,
  ekRef: Uint8Array,
  reason: string,
): Promise<boolean> {
  const { rows } = await database.query(
    `UPDATE endorsement_keys
     SET revoked_at = coalesce(revoked_at, now()), revoked_because = coalesce(revoked_because, $2)
     WHERE ek_ref = $1 RETURNING ek_ref`,
    [ekRef, reason],
  );
  return rows.length === 1;
}

export async function isKnownEkRef(on: Queryable, ekRef: Uint8Array): Promise<boolean> {
  const { rows } = await on.query('SELECT 1 FROM endorsement_keys WHERE ek_ref = $1', [ekRef]);
  return rows.length > 0;
}
