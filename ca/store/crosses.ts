import type { Queryable } from './transaction.ts';

export type CrossCertificate = {
  /** Whose name and key it has. */
  readonly subject: string;
  /** Who signed it. */
  readonly by: string;
  /** DER. */
  readonly certificate: Uint8Array;
};

export async function insertCross(
  on: Queryable,
  rotationId: string,
  { subject, by, certificate }: CrossCertificate,
): Promise<void> {
  await on.query(
    `INSERT INTO cross_certificates (subject_key_id, by_key_id, certificate, rotation_id)
     VALUES (decode($1, 'hex'), decode($2, 'hex'), $3, $4) ON CONFLICT DO NOTHING`,
    [subject, by, certificate, rotationId],
  );
}

/** All that a root which is refused is in. */
export async function withdrawCrosses(on: Queryable): Promise<void> {
  await on.query(
    `UPDATE cross_certificates SET withdrawn_at = now() WHERE withdrawn_at IS NULL AND EXISTS (
       SELECT 1 FROM authorities a
        WHERE a.key_id IN (subject_key_id, by_key_id) AND a.reason IS NOT NULL)`,
  );
}
