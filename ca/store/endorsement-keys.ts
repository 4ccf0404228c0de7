import type pg from 'pg';

export async function isRevoked(pool: pg.Pool, ekName: Uint8Array): Promise<boolean> {
  const { rows } = await pool.query(
    'SELECT 1 FROM endorsement_keys WHERE ek_name = $1 AND revoked_at IS NOT NULL',
    [ekName],
  );
  return rows.length > 0;
}

/** For good: there is no way back. `false` where no EK has that ekRef. */
export async function revokeEndorsementKey(
  database: pg.Pool | pg.Client,
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
