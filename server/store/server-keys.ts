import { checkAgainst, type KeyState, type KeyUse, SigningJwk } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** `sealed`: see services/sealed-key.ts; null once it is withdrawn. */
export type ServerKey = {
  readonly kid: string;
  readonly use: KeyUse;
  readonly state: KeyState;
  readonly jwk: SigningJwk;
  readonly sealed: Uint8Array | null;
  readonly madeAt: Date;
  readonly activeAt: Date | null;
  readonly retiredAt: Date | null;
  /** Of a retired one: when it leaves the trust bundle. */
  readonly leavesAt: Date | null;
};

type Row = {
  kid: string;
  use: KeyUse;
  state: KeyState;
  jwk: unknown;
  sealed: Buffer | null;
  made_at: Date;
  active_at: Date | null;
  retired_at: Date | null;
  leaves_at: Date | null;
};

/** Of two replicas that turn keys, one does, until its transaction ends. */
const TURN_LOCK = 0x546f_4b31;
export async function lockServerKeys(on: Queryable): Promise<void> {
  await on.query('SELECT pg_advisory_xact_lock($1)', [TURN_LOCK]);
}

/** Of a process that has not measured its clock yet. */
export async function databaseTime(on: Queryable): Promise<Date> {
  const { rows } = await on.query<{ now: Date }>('SELECT now() AS now');
  return rows[0]?.now ?? new Date(Number.NaN);
}

/** By use and age: what is read twice is read in one order. */
export async function serverKeys(on: Queryable): Promise<ServerKey[]> {
  const { rows } = await on.query<Row>(
    `SELECT kid, use, state, jwk, sealed, made_at, active_at, retired_at, leaves_at
       FROM server_keys ORDER BY use DESC, made_at, kid`,
  );
  return rows.map((row) => ({
    kid: row.kid,
    use: row.use,
    state: row.state,
    jwk: checkAgainst(SigningJwk, row.jwk),
    sealed: row.sealed,
    madeAt: row.made_at,
    activeAt: row.active_at,
    retiredAt: row.retired_at,
    leavesAt: row.leaves_at,
  }));
}

/** A key that is there already, in whatever state, stays as it is. */
export async function insertServerKey(
  on: Queryable,
  key: Pick<ServerKey, 'kid' | 'use' | 'jwk' | 'madeAt'> & {
    readonly state: 'next' | 'active';
    readonly sealed: Uint8Array;
  },
): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO server_keys (kid, use, state, jwk, sealed, made_at, active_at)
     VALUES ($1, $2, $3::text, $4, $5, $6::timestamptz, CASE WHEN $3::text = 'active' THEN $6::timestamptz END)
     ON CONFLICT DO NOTHING`,
    [key.kid, key.use, key.state, JSON.stringify(key.jwk), key.sealed, key.madeAt],
  );
  return rowCount === 1;
}

/** The next one signs from now on; the one that signed until now stays until `leavesAt`. */
export async function switchServerKey(
  on: Queryable,
  { use, now, leavesAt }: { readonly use: KeyUse; readonly now: Date; readonly leavesAt: Date },
): Promise<void> {
  await on.query(
    `UPDATE server_keys SET state = 'retired', retired_at = $2, leaves_at = $3
      WHERE use = $1 AND state = 'active'`,
    [use, now, leavesAt],
  );
  await on.query(
    `UPDATE server_keys SET state = 'active', active_at = $2 WHERE use = $1 AND state = 'next'`,
    [use, now],
  );
}

/** Those whose time is up; their private halves go with it. */
export async function withdrawServerKeys(
  on: Queryable,
  now: Date,
): Promise<Pick<ServerKey, 'kid' | 'use'>[]> {
  const { rows } = await on.query<Pick<Row, 'kid' | 'use'>>(
    `UPDATE server_keys SET state = 'withdrawn', sealed = NULL
      WHERE state = 'retired' AND leaves_at <= $1 RETURNING kid, use`,
    [now],
  );
  return rows;
}
