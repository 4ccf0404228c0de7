import type { AssuranceClass } from '@touchstone/endorsement';
import type pg from 'pg';

/** An AK that was activated, as the host first sent what vouches for it. */
export type RecordedKey = {
  /** TPMT_PUBLIC */
  readonly akPublic: Uint8Array;
  /** TPMT_PUBLIC */
  readonly ekPublic: Uint8Array;
  /** As the pin has it. */
  readonly ekName: Uint8Array;
  readonly ekRef: Uint8Array;
  readonly ekCertificates: readonly Uint8Array[];
  readonly software: boolean;
  readonly class: AssuranceClass;
};

type RecordedKeyRow = {
  ak_public: Buffer;
  ek_public: Buffer;
  ek_name: Buffer;
  ek_ref: Buffer;
  ek_certificates: Buffer[];
  software: boolean;
  class: AssuranceClass;
};

/** By the enrolment that recorded it; undefined where none was activated under that id. */
export async function recordedKey(pool: pg.Pool, id: string): Promise<RecordedKey | undefined> {
  const { rows } = await pool.query<RecordedKeyRow>(
    `SELECT k.ak_public, k.ek_public, k.ek_certificates, k.software, k.class, e.ek_name, e.ek_ref
     FROM attestation_keys k JOIN endorsement_keys e USING (ek_name)
     WHERE k.enrollment_id = $1`,
    [id],
  );
  const [row] = rows;
  return (
    row && {
      akPublic: row.ak_public,
      ekPublic: row.ek_public,
      ekName: row.ek_name,
      ekRef: row.ek_ref,
      ekCertificates: row.ek_certificates,
      software: row.software,
      class: row.class,
    }
  );
}
