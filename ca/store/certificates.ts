import type pg from 'pg';

/** What is remembered of an issued certificate. */
export type IssuedRecord = {
  readonly serial: Uint8Array;
  /** Hex. */
  readonly issuerKeyId: string;
  /** Of the issuer's revocation lists. */
  readonly partition: number;
  readonly notBefore: Date;
  readonly notAfter: Date;
};

/**
 * Ends the enrolment, pins its EK and records its AK if it is the first time, and records the certificate:
 * one statement, so that all of it happens or nothing, and for one caller only. `false` for everybody else,
 * for an EK that was revoked or decommissioned since, or that its root or pin vouches for no more, and where somebody
 * else issues for this TPM by now; their certificates must never leave the process. Whoever refuses an issuer waits for those that are being recorded under it.
 */
export async function recordActivation(
  pool: pg.Pool,
  enrollmentId: string,
  issued: IssuedRecord,
): Promise<boolean> {
  const { rows } = await pool.query(
    `WITH issuer AS (
       SELECT key_id FROM authorities
       WHERE key_id = $3 AND role = 'issuing' AND state IN ('active', 'verify-only') FOR SHARE
     ), activated AS (
       UPDATE enrollments SET activated_at = now() FROM issuer
       WHERE id = $1 AND activated_at IS NULL AND issuer_for(ek_ref) = issuer.key_id AND NOT EXISTS (
         SELECT 1 FROM endorsement_keys pin
         WHERE pin.ek_name = enrollments.ek_name
           AND (pin.revoked_at IS NOT NULL OR pin.decommissioned_at IS NOT NULL))
         AND CASE vouched_by
           WHEN 'root' THEN EXISTS (
             SELECT 1 FROM tpm_roots
             WHERE fingerprint = enrollments.root_fingerprint AND class = enrollments.class)
           WHEN 'pin' THEN EXISTS (
             SELECT 1 FROM endorsement_pins
             WHERE ek_name = enrollments.ek_name AND class = enrollments.class)
           ELSE true END
       RETURNING id, renews, ak_name, ak_public, ek_name, ek_public, ek_ref, ek_certificates,
         software, class, vouched_by, root_fingerprint, tpm, quirks
     ), pinned AS (
       INSERT INTO endorsement_keys
         (ek_name, ek_ref, class, certificates, vouched_by, root_fingerprint, tpm, quirks)
       SELECT ek_name, ek_ref, class, ek_certificates, vouched_by, root_fingerprint, tpm, quirks
       FROM activated
       -- Whoever refuses this EK at the same time is waited for, and counts. A host that calls itself software hides
       -- by that neither from those who ask whom a root admitted, nor what it takes to readmit it.
       ON CONFLICT (ek_name) DO UPDATE SET last_activated_at = now(),
         (class, vouched_by, root_fingerprint) = (
           SELECT CASE WHEN stays THEN endorsement_keys.class ELSE excluded.class END,
             CASE WHEN stays THEN endorsement_keys.vouched_by ELSE excluded.vouched_by END,
             CASE WHEN stays THEN endorsement_keys.root_fingerprint ELSE excluded.root_fingerprint END
           FROM (SELECT excluded.vouched_by = 'itself'
             AND endorsement_keys.vouched_by IS DISTINCT FROM 'itself' AS stays) AS known),
         tpm = excluded.tpm, quirks = excluded.quirks
         WHERE endorsement_keys.revoked_at IS NULL AND endorsement_keys.decommissioned_at IS NULL
       RETURNING ek_name
     ), waits_no_more AS (
       DELETE FROM untrusted_endorsement_keys w USING pinned WHERE w.ek_name = pinned.ek_name
     ), recorded AS (
       INSERT INTO attestation_keys
         (enrollment_id, ak_name, ak_public, ek_name, ek_public, ek_certificates, software, class)
       SELECT coalesce(renews, id), ak_name, ak_public, ek_name, ek_public, ek_certificates,
         software, class FROM activated JOIN pinned USING (ek_name)
       ON CONFLICT (enrollment_id) DO UPDATE SET last_activated_at = now()
     )
     INSERT INTO certificates
       (serial, enrollment_id, ak_name, ek_ref, class, issuer_key_id, not_before, not_after, crl_partition)
     SELECT $2, id, ak_name, ek_ref, class, $3, $4, $5, $6 FROM activated JOIN pinned USING (ek_name)
     RETURNING serial`,
    [
      enrollmentId,
      issued.serial,
      Buffer.from(issued.issuerKeyId, 'hex'),
      issued.notBefore,
      issued.notAfter,
      issued.partition,
    ],
  );
  return rows.length === 1;
}
