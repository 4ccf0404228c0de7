import type { AssuranceClass, TpmDescription } from '@touchstone/endorsement';
import type pg from 'pg';
import type { Queryable } from './transaction.ts';

export type EndorsementKeyState = 'active' | 'revoked' | 'decommissioned';

/** `active` for one that was never seen, too. */
export async function stateOfEk(pool: pg.Pool, ekName: Uint8Array): Promise<EndorsementKeyState> {
  const { rows } = await pool.query<{ state: EndorsementKeyState }>(
    `SELECT ${STATE} AS state FROM endorsement_keys WHERE ek_name = $1`,
    [ekName],
  );
  return rows[0]?.state ?? 'active';
}

const STATE = `CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
  WHEN decommissioned_at IS NOT NULL THEN 'decommissioned' ELSE 'active' END`;

/** For good: there is no way back. `false` where no EK has that ekRef. */
export async function revokeEndorsementKey(
  database: Queryable,
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

export async function isKnownEkRef(on: Queryable, ekRef: Uint8Array): Promise<boolean> {
  const { rows } = await on.query('SELECT 1 FROM endorsement_keys WHERE ek_ref = $1', [ekRef]);
  return rows.length > 0;
}

/** An EK that activated an AK, as operators see it. */
export type StoredEndorsementKey = {
  readonly ekRef: Uint8Array;
  readonly ekName: Uint8Array;
  readonly class: AssuranceClass;
  readonly vouchedBy: 'root' | 'configuration' | 'pin' | 'itself' | null;
  readonly rootFingerprint: Uint8Array | null;
  /** As its newest certificate says it; null where that was not said yet. */
  readonly tpm: TpmDescription | null;
  readonly quirks: readonly string[];
  readonly firstActivatedAt: Date;
  readonly lastActivatedAt: Date;
  /** Of its newest certificate that is believed; null where none is left. */
  readonly certificateUntil: Date | null;
  readonly state: EndorsementKeyState;
  readonly decided: {
    readonly at: Date;
    readonly by: string | null;
    readonly because: string;
  } | null;
};

type Row = {
  ek_ref: Buffer;
  ek_name: Buffer;
  class: AssuranceClass;
  vouched_by: StoredEndorsementKey['vouchedBy'];
  root_fingerprint: Buffer | null;
  tpm: TpmDescription | null;
  quirks: string[];
  first_activated_at: Date;
  last_activated_at: Date;
  until: Date | null;
  state: EndorsementKeyState;
  decided_at: Date | null;
  decided_by: string | null;
  decided_because: string | null;
};

const COLUMNS = `e.ek_ref, e.ek_name, e.class, e.vouched_by, e.root_fingerprint, e.tpm, e.quirks, e.first_activated_at,
  e.last_activated_at,
  (SELECT max(c.not_after) FROM certificates c WHERE c.ek_ref = e.ek_ref AND c.not_after > now() AND c.revoked_at IS NULL) AS until,
  ${STATE} AS state,
  coalesce(e.revoked_at, e.decommissioned_at) AS decided_at,
  CASE WHEN e.revoked_at IS NULL THEN e.decommissioned_by END AS decided_by,
  CASE WHEN e.revoked_at IS NULL THEN e.decommissioned_because ELSE e.revoked_because END AS decided_because`;

/** By ekRef, from after that one on. */
export async function listEndorsementKeys(
  on: Queryable,
  { after, limit }: { readonly after: Uint8Array | null; readonly limit: number },
): Promise<StoredEndorsementKey[]> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM endorsement_keys e WHERE $1::bytea IS NULL OR e.ek_ref > $1
     ORDER BY e.ek_ref LIMIT $2`,
    [after, limit],
  );
  return rows.map(keyIn);
}

/** undefined where none has it. */
export async function endorsementKeyOf(
  on: Queryable,
  ekRef: Uint8Array,
): Promise<StoredEndorsementKey | undefined> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM endorsement_keys e WHERE e.ek_ref = $1`,
    [ekRef],
  );
  return rows[0] && keyIn(rows[0]);
}

/** `false` unless it was in service. */
export async function decommissionEndorsementKey(
  on: Queryable,
  ekRef: Uint8Array,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<boolean> {
  const { rowCount } = await on.query(
    `UPDATE endorsement_keys
     SET decommissioned_at = now(), decommissioned_by = $2, decommissioned_because = $3
     WHERE ek_ref = $1 AND revoked_at IS NULL AND decommissioned_at IS NULL`,
    [ekRef, by, reason],
  );
  return rowCount === 1;
}

/** `false` unless it was decommissioned. */
export async function readmitEndorsementKey(on: Queryable, ekRef: Uint8Array): Promise<boolean> {
  const { rowCount } = await on.query(
    `UPDATE endorsement_keys
     SET decommissioned_at = NULL, decommissioned_by = NULL, decommissioned_because = NULL
     WHERE ek_ref = $1 AND revoked_at IS NULL AND decommissioned_at IS NOT NULL`,
    [ekRef],
  );
  return rowCount === 1;
}

const keyIn = (row: Row): StoredEndorsementKey => ({
  ...{ ekRef: row.ek_ref, ekName: row.ek_name, class: row.class, vouchedBy: row.vouched_by },
  rootFingerprint: row.root_fingerprint,
  ...{ tpm: row.tpm, quirks: row.quirks },
  firstActivatedAt: row.first_activated_at,
  lastActivatedAt: row.last_activated_at,
  ...{ certificateUntil: row.until, state: row.state },
  decided:
    row.decided_at === null || row.decided_because === null
      ? null
      : { at: row.decided_at, by: row.decided_by, because: row.decided_because },
});
