import type { AssuranceClass, TpmDescription } from '@touchstone/endorsement';
import type pg from 'pg';
import type { Queryable } from './transaction.ts';
import { inTransaction } from './transaction.ts';

/** What lives in the table at once, ended ones included. */
const MAX_ENROLLMENTS = 10_000;
const LIFETIME_SECONDS = 300;
/** For so long an expired one is still told apart from one that never was. */
const REMEMBERED_SECONDS = 3_600;
/** Any number, the same in every process: who makes room does it alone. */
const ROOM_LOCK = 7_301_001;

/** Who gave the EK its class; a root, of the database or of the configuration, by SHA-256 of its certificate. */
export type Voucher =
  | { readonly by: 'root' | 'configuration'; readonly fingerprint: Uint8Array }
  | { readonly by: 'pin' | 'itself' };

export type NewEnrollment = {
  readonly id: string;
  readonly secretSha256: Uint8Array;
  readonly akName: Uint8Array;
  /** TPMT_PUBLIC */
  readonly akPublic: Uint8Array;
  readonly akQualifiedName: Uint8Array;
  readonly ekName: Uint8Array;
  /** TPMT_PUBLIC */
  readonly ekPublic: Uint8Array;
  readonly ekRef: Uint8Array;
  readonly ekCertificates: readonly Uint8Array[];
  readonly software: boolean;
  readonly class: AssuranceClass;
  readonly voucher: Voucher;
  readonly tpm: TpmDescription;
  readonly quirks: readonly string[];
  /** The enrolment whose keys are proved again. */
  readonly renews: string | null;
};

/** One of three tries, already counted, whatever comes of it. */
export type Attempt = {
  readonly secretSha256: Uint8Array;
  readonly akPublic: Uint8Array;
  readonly akQualifiedName: Uint8Array;
  readonly ekRef: Uint8Array;
  readonly class: AssuranceClass;
  /** An operator's word gave it its class. */
  readonly pinned: boolean;
  /** By fingerprint, the root of the configuration that gave it; null where none of these did. */
  readonly configuredRoot: Uint8Array | null;
  readonly tpm: TpmDescription;
  readonly now: Date;
};

/** undefined if there is no room. */
export async function insertEnrollment(
  pool: pg.Pool,
  enrollment: NewEnrollment,
): Promise<{ readonly expiresAt: Date } | undefined> {
  return inTransaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [ROOM_LOCK]);
    const expiresAt = (await makeRoom(client)) ? await insert(client, enrollment) : undefined;
    return expiresAt && { expiresAt };
  });
}

export async function forgetExpiredEnrollments(on: pg.Pool | pg.PoolClient): Promise<number> {
  const { rowCount } = await on.query(
    `DELETE FROM enrollments WHERE expires_at < now() - make_interval(secs => $1)`,
    [REMEMBERED_SECONDS],
  );
  return rowCount ?? 0;
}

async function makeRoom(client: pg.PoolClient): Promise<boolean> {
  await forgetExpiredEnrollments(client);
  if ((await count(client)) < MAX_ENROLLMENTS) return true;
  await client.query(
    `DELETE FROM enrollments WHERE id IN (
       SELECT id FROM enrollments
       WHERE expires_at <= now() OR activated_at IS NOT NULL OR tries >= 3
       ORDER BY expires_at LIMIT 100)`,
  );
  return (await count(client)) < MAX_ENROLLMENTS;
}

async function count(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM enrollments',
  );
  return rows[0]?.count ?? Infinity;
}

async function insert(client: pg.PoolClient, enrollment: NewEnrollment): Promise<Date> {
  const { rows } = await client.query<{ expires_at: Date }>(
    `INSERT INTO enrollments
       (id, expires_at, secret_sha256, ak_name, ak_public, ak_qualified_name,
        ek_name, ek_public, ek_ref, ek_certificates, software, class, renews, vouched_by,
        root_fingerprint, tpm, quirks)
     VALUES ($1, now() + make_interval(secs => $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
       $15, $16, $17)
     RETURNING expires_at`,
    [
      enrollment.id,
      LIFETIME_SECONDS,
      enrollment.secretSha256,
      enrollment.akName,
      enrollment.akPublic,
      enrollment.akQualifiedName,
      enrollment.ekName,
      enrollment.ekPublic,
      enrollment.ekRef,
      enrollment.ekCertificates,
      enrollment.software,
      enrollment.class,
      enrollment.renews,
      enrollment.voucher.by,
      'fingerprint' in enrollment.voucher ? enrollment.voucher.fingerprint : null,
      enrollment.tpm,
      enrollment.quirks,
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('INSERT gave no row');
  return row.expires_at;
}

/**
 * Counts a try, and only then shows what it is to be compared with: however many come at once, three are
 * compared. A process that dies in between has spent the try.
 */
export async function takeAttempt(
  pool: pg.Pool,
  id: string,
): Promise<Attempt | 'unknown' | 'ended'> {
  const { rows } = await pool.query<AttemptRow>(
    `UPDATE enrollments SET tries = tries + 1
     WHERE id = $1 AND tries < 3 AND activated_at IS NULL AND expires_at > now()
     RETURNING secret_sha256, ak_public, ak_qualified_name, ek_ref, class, tpm, now() AS now,
       vouched_by IS NOT DISTINCT FROM 'pin' AS pinned,
       CASE WHEN vouched_by = 'configuration' THEN root_fingerprint END AS configured_root`,
    [id],
  );
  const [row] = rows;
  if (row !== undefined) return attemptOf(row);
  const known = await pool.query('SELECT 1 FROM enrollments WHERE id = $1', [id]);
  return known.rows.length > 0 ? 'ended' : 'unknown';
}

type AttemptRow = {
  secret_sha256: Buffer;
  ak_public: Buffer;
  ak_qualified_name: Buffer;
  ek_ref: Buffer;
  class: AssuranceClass;
  pinned: boolean;
  configured_root: Buffer | null;
  tpm: TpmDescription;
  now: Date;
};

const attemptOf = (row: AttemptRow): Attempt => ({
  secretSha256: row.secret_sha256,
  akPublic: row.ak_public,
  akQualifiedName: row.ak_qualified_name,
  ekRef: row.ek_ref,
  class: row.class,
  pinned: row.pinned,
  configuredRoot: row.configured_root,
  tpm: row.tpm,
  now: row.now,
});

/** Those under way: their tries may have been used up, or they activated, after what is known here. */
export async function forgetPending(client: Queryable): Promise<number> {
  const { rowCount } = await client.query('DELETE FROM enrollments WHERE activated_at IS NULL');
  return rowCount ?? 0;
}
