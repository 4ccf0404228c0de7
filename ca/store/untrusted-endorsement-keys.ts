import type pg from 'pg';

const MAX_QUEUED = 1_000;

export type UntrustedEndorsementKey = {
  readonly ekName: Uint8Array;
  readonly ekIssuer: string;
  readonly ekCertificates: readonly Uint8Array[];
};

/** Those that have not been back for longest make room: anybody can bring keys, but has to keep coming. */
export async function queueUntrusted(pool: pg.Pool, key: UntrustedEndorsementKey): Promise<void> {
  await pool.query(
    `INSERT INTO untrusted_endorsement_keys (ek_name, issuer, certificates) VALUES ($1, $2, $3)
     ON CONFLICT (ek_name) DO UPDATE
       SET times = untrusted_endorsement_keys.times + 1, last_seen_at = now()`,
    [key.ekName, key.ekIssuer, key.ekCertificates],
  );
  await pool.query(
    `DELETE FROM untrusted_endorsement_keys WHERE ek_name IN (
       SELECT ek_name FROM untrusted_endorsement_keys
       ORDER BY last_seen_at DESC OFFSET $1)`,
    [MAX_QUEUED],
  );
}
