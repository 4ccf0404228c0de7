import type { RevokedCertificate } from '../issuance/index.ts';
import type { Queryable } from './transaction.ts';

/**
 * Revokes what a TPM has of certificates that have not ended, and has their lists made anew. In the transaction that
 * keeps the TPM from getting another, after the statement that does so: an activation under way has ended by then.
 * How many they were.
 */
export async function revokeCertificatesOf(
  client: Queryable,
  ekRef: Uint8Array,
  reason: RevokedCertificate['reason'],
): Promise<number> {
  const { rows } = await client.query<{ revoked: number }>(
    `WITH revoked AS (
       UPDATE certificates SET revoked_at = now(), revoke_reason = $2
        WHERE ek_ref = $1 AND not_after > now() AND revoked_at IS NULL
       RETURNING issuer_key_id, crl_partition
     ), due AS (
       UPDATE crl_partitions p SET due = true FROM (SELECT DISTINCT * FROM revoked) r
        WHERE p.issuer_key_id = r.issuer_key_id AND p.partition = r.crl_partition)
     SELECT count(*)::integer AS revoked FROM revoked`,
    [ekRef, reason],
  );
  return rows[0]?.revoked ?? 0;
}

/** Whether lists still lack something that was revoked of this TPM. */
export async function isListedWhole(on: Queryable, ekRef: Uint8Array): Promise<boolean> {
  const { rows } = await on.query(
    `SELECT 1 FROM certificates c
      JOIN crl_partitions p ON p.issuer_key_id = c.issuer_key_id AND p.partition = c.crl_partition AND p.due
      WHERE c.ek_ref = $1 AND c.revoked_at IS NOT NULL LIMIT 1`,
    [ekRef],
  );
  return rows.length === 0;
}
