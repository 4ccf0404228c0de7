import { X509Certificate } from 'node:crypto';
import type { Queryable } from './transaction.ts';

/** What a rotation, or an operator, makes of a key of the CA's: migration 0004 says what each means. */
export type AuthorityState = 'staged' | 'active' | 'verify-only' | 'refused' | 'destroyed';
export type RefusalReason = 'retired' | 'compromised' | 'rolled-back';

/** A certificate of the CA's own, by the key identifier (hex) that lists name it by. */
export type Authority = {
  readonly keyId: string;
  readonly role: 'root' | 'issuing';
  /** DER. */
  readonly certificate: Uint8Array;
  /** The root's; of a root, its own. */
  readonly signedBy: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly state: AuthorityState;
  readonly reason: RefusalReason | null;
  readonly rotationId: string | null;
};

type Row = {
  key_id: string;
  role: Authority['role'];
  certificate: Buffer;
  signed_by: string;
  not_before: Date;
  not_after: Date;
  state: AuthorityState;
  reason: RefusalReason | null;
  rotation_id: string | null;
};

const COLUMNS = `encode(a.key_id, 'hex') AS key_id, a.role, a.certificate, encode(a.signed_by, 'hex') AS signed_by,
  a.not_before, a.not_after, a.state, a.reason, a.rotation_id`;

const authorityOf = (row: Row): Authority => ({
  keyId: row.key_id,
  role: row.role,
  certificate: row.certificate,
  signedBy: row.signed_by,
  notBefore: row.not_before,
  notAfter: row.not_after,
  state: row.state,
  reason: row.reason,
  rotationId: row.rotation_id,
});

/** All of them, the newest last. */
export async function listAuthorities(on: Queryable): Promise<Authority[]> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM authorities a ORDER BY a.created_at, a.role DESC, a.key_id`,
  );
  return rows.map(authorityOf);
}

export type NewAuthority = Pick<Authority, 'keyId' | 'role' | 'certificate' | 'signedBy'> & {
  readonly state: 'staged' | 'active';
  readonly rotationId: string | null;
};

/** One that is there stays as it is: its key has a certificate. */
export async function insertAuthority(on: Queryable, authority: NewAuthority): Promise<void> {
  const { validFromDate, validToDate } = new X509Certificate(authority.certificate);
  await on.query(
    `INSERT INTO authorities
       (key_id, role, certificate, signed_by, not_before, not_after, state, rotation_id)
     VALUES (decode($1, 'hex'), $2, $3, decode($4, 'hex'), $5, $6, $7, $8)
     ON CONFLICT (key_id) DO NOTHING`,
    [
      ...[authority.keyId, authority.role, authority.certificate, authority.signedBy],
      ...[validFromDate, validToDate, authority.state, authority.rotationId],
    ],
  );
}

/** Who issues for a TPM, and what an agent needs besides to come from there to the anchor that it knows. */
export type IssuingAuthority = Authority & {
  /** The issuer's root, signed by another root that is still an anchor. DER. */
  readonly crosses: readonly Uint8Array[];
};

/** Of an activation; undefined where the CA has no issuer. */
export async function issuerFor(
  on: Queryable,
  ekRef: Uint8Array,
): Promise<IssuingAuthority | undefined> {
  const { rows } = await on.query<Row & { crosses: Buffer[] }>(
    `SELECT ${COLUMNS}, ARRAY(
       SELECT x.certificate FROM cross_certificates x
         JOIN authorities by ON by.key_id = x.by_key_id AND by.state IN ('active', 'verify-only')
        WHERE x.subject_key_id = a.signed_by AND x.withdrawn_at IS NULL
        ORDER BY by.created_at LIMIT 2) AS crosses
     FROM authorities a WHERE a.key_id = issuer_for($1)`,
    [ekRef],
  );
  const [row] = rows;
  return row && { ...authorityOf(row), crosses: row.crosses };
}

/** The one that issues, whatever rehearsal there is. */
export async function activeIssuer(on: Queryable): Promise<Authority | undefined> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM authorities a WHERE a.role = 'issuing' AND a.state = 'active'`,
  );
  return rows[0] && authorityOf(rows[0]);
}

export type StateChange = {
  readonly keyIds: readonly string[];
  readonly to: AuthorityState;
  readonly reason?: RefusalReason;
};

/** Those that are there already stay as they are; what is refused is never anything else again: migration 0004. */
export async function changeState(on: Queryable, change: StateChange): Promise<number> {
  const { keyIds, to, reason = null } = change;
  const { rowCount } = await on.query(
    `UPDATE authorities SET state = $2, reason = coalesce(reason, $3),
       refused_at = CASE WHEN $2 IN ('refused', 'destroyed') THEN coalesce(refused_at, now()) END,
       destroyed_at = CASE WHEN $2 = 'destroyed' THEN now() END
     WHERE encode(key_id, 'hex') = ANY ($1) AND state <> $2`,
    [keyIds, to, reason],
  );
  return rowCount ?? 0;
}

/** What an issuer's certificates still are. */
export type IssuedBy = {
  /** AKs whose newest certificate is this issuer's, and has not ended. */
  readonly live: number;
  /** Certificates that have not ended, the older ones of an AK too. */
  readonly unexpired: number;
  readonly lastEnds: Date;
};

/** By key identifier (hex); an issuer without any is not in it. */
export async function issuedBy(on: Queryable): Promise<ReadonlyMap<string, IssuedBy>> {
  const { rows } = await on.query<IssuedBy & { issuer: string }>(
    `SELECT encode(c.issuer_key_id, 'hex') AS issuer, coalesce(max(l.live), 0)::integer AS live,
       count(*)::integer AS unexpired, max(c.not_after) AS "lastEnds"
     FROM certificates c LEFT JOIN live_certificates() l USING (issuer_key_id)
     WHERE c.not_after > now() GROUP BY c.issuer_key_id`,
  );
  return new Map(rows.map(({ issuer, ...counts }) => [issuer, counts]));
}
