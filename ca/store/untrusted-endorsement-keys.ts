import type pg from 'pg';
import type { Queryable } from './transaction.ts';

const MAX_QUEUED = 1_000;

export type UntrustedEndorsementKey = {
  readonly ekName: Uint8Array;
  /** As its certificate has it; null where there is none. */
  readonly ekIssuer: string | null;
  /** What the key is, in a few words. */
  readonly key: string;
  readonly ekCertificates: readonly Uint8Array[];
};

/** Those that have not been back for longest make room: anybody can bring keys, but has to keep coming. */
export async function queueUntrusted(pool: pg.Pool, key: UntrustedEndorsementKey): Promise<void> {
  await pool.query(
    `INSERT INTO untrusted_endorsement_keys (ek_name, issuer, key, certificates)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (ek_name) DO UPDATE
       SET times = untrusted_endorsement_keys.times + 1, last_seen_at = now(), issuer = $2, key = $3,
         certificates = $4`,
    [key.ekName, key.ekIssuer, key.key, key.ekCertificates],
  );
  await pool.query(
    `DELETE FROM untrusted_endorsement_keys WHERE ek_name IN (
       SELECT ek_name FROM untrusted_endorsement_keys
       ORDER BY last_seen_at DESC OFFSET $1)`,
    [MAX_QUEUED],
  );
}

/** One that asked, and that nobody vouches for. */
export type WaitingEndorsementKey = {
  readonly ekName: Uint8Array;
  readonly issuer: string | null;
  readonly key: string | null;
  readonly times: number;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
};

/** Those that came last first, and how many there are. */
export async function listWaiting(
  on: Queryable,
  limit: number,
): Promise<{ readonly count: number; readonly keys: readonly WaitingEndorsementKey[] }> {
  const { rows } = await on.query<WaitingRow & { count: number }>(
    `SELECT ek_name, issuer, key, least(times, 10000000)::integer AS times, first_seen_at, last_seen_at,
       count(*) OVER ()::integer AS count
     FROM untrusted_endorsement_keys ORDER BY last_seen_at DESC, ek_name LIMIT $1`,
    [limit],
  );
  const keys = rows.map((row) => ({
    ...{ ekName: row.ek_name, issuer: row.issuer, key: row.key, times: row.times },
    ...{ firstSeenAt: row.first_seen_at, lastSeenAt: row.last_seen_at },
  }));
  return { count: rows[0]?.count ?? 0, keys };
}

type WaitingRow = {
  ek_name: Buffer;
  issuer: string | null;
  key: string | null;
  times: number;
  first_seen_at: Date;
  last_seen_at: Date;
};

/** It waits no more. */
export async function forgetWaiting(on: Queryable, ekName: Uint8Array): Promise<void> {
  await on.query('DELETE FROM untrusted_endorsement_keys WHERE ek_name = $1', [ekName]);
}
