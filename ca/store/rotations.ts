import type { RotationPhase } from '@touchstone/schemas';
import type { Queryable } from './transaction.ts';

/** As it is stored. Key identifiers are hex; a new one is null until it is made. */
export type RotationRecord = {
  readonly id: string;
  readonly kind: 'issuing' | 'root';
  readonly mode: 'planned' | 'compromise' | 'rehearsal';
  readonly auto: boolean;
  readonly phase: RotationPhase;
  readonly startedAt: Date;
  readonly startedBy: string;
  readonly reason: string;
  readonly phaseSince: Date;
  readonly phaseEpoch: number;
  readonly oldRoot: string;
  readonly oldIssuing: string;
  readonly newRoot: string | null;
  readonly newIssuing: string | null;
  readonly trouble: string | null;
  readonly endedAt: Date | null;
  readonly canaries: readonly Canary[];
  readonly forced: readonly Forced[];
};

/** A host that takes part in a rehearsal. */
export type Canary = {
  readonly name: string;
  /** Hex. */
  readonly ekRef: string;
};

type Forced = {
  readonly phase: RotationPhase;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
  readonly blockers: number;
};

const COLUMNS = `r.id, r.kind, r.mode, r.auto, r.phase, r.started_at AS "startedAt", r.started_by AS "startedBy", r.reason,
  r.phase_since AS "phaseSince", r.phase_epoch::float8 AS "phaseEpoch", r.trouble, r.ended_at AS "endedAt",
  encode(r.old_root, 'hex') AS "oldRoot", encode(r.old_issuing, 'hex') AS "oldIssuing",
  encode(r.new_root, 'hex') AS "newRoot", encode(r.new_issuing, 'hex') AS "newIssuing",
  (SELECT coalesce(json_agg(json_build_object('name', c.name, 'ekRef', encode(c.ek_ref, 'hex')) ORDER BY c.name), '[]')
     FROM rotation_canaries c WHERE c.rotation_id = r.id) AS canaries,
  (SELECT coalesce(json_agg(json_build_object('phase', f.phase, 'by', f.forced_by, 'blockers', f.blockers,
     'at', to_char(f.forced_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY f.forced_at), '[]')
     FROM rotation_forced f WHERE f.rotation_id = r.id) AS forced`;

/** Those that have not ended, the newest first: one at most, and what is being taken back. */
export async function openRotations(on: Queryable): Promise<RotationRecord[]> {
  const { rows } = await on.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r WHERE r.ended_at IS NULL
     ORDER BY r.phase = 'rolling-back', r.started_at DESC`,
  );
  return rows;
}

/** The last ones, the newest first. */
export async function listRotations(on: Queryable, most: number): Promise<RotationRecord[]> {
  const { rows } = await on.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r ORDER BY r.started_at DESC, r.id LIMIT $1`,
    [most],
  );
  return rows;
}

export async function rotationById(on: Queryable, id: string): Promise<RotationRecord | undefined> {
  const { rows } = await on.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r WHERE r.id = $1`,
    [id],
  );
  return rows[0];
}

export type NewRotation = Pick<
  RotationRecord,
  'id' | 'kind' | 'mode' | 'auto' | 'startedBy' | 'reason'
> & { readonly canaries: readonly Canary[] };

/** Away from the keys that are active now. Throws PostgreSQL's 23505 while another one is under way. */
export async function insertRotation(on: Queryable, rotation: NewRotation): Promise<void> {
  const { id, kind, mode, auto, startedBy, reason, canaries } = rotation;
  await on.query(
    `INSERT INTO rotations (id, kind, mode, auto, phase, started_by, reason, phase_epoch, old_root, old_issuing)
     SELECT $1, $2, $3, $4, 'plan', $5, $6, epoch,
       (SELECT key_id FROM authorities WHERE state = 'active' AND role = 'root'),
       (SELECT key_id FROM authorities WHERE state = 'active' AND role = 'issuing')
     FROM ca_state`,
    [id, kind, mode, auto, startedBy, reason],
  );
  for (const { name, ekRef } of canaries) {
    await on.query(
      `INSERT INTO rotation_canaries (rotation_id, ek_ref, name) VALUES ($1, decode($2, 'hex'), $3)
       ON CONFLICT DO NOTHING`,
      [id, ekRef, name],
    );
  }
}

/** In the transaction that stores its certificates. */
export async function recordNewKeys(
  on: Queryable,
  id: string,
  { root, issuing }: { readonly root: string; readonly issuing: string },
): Promise<void> {
  await on.query(
    `UPDATE rotations SET new_root = decode($2, 'hex'), new_issuing = decode($3, 'hex') WHERE id = $1`,
    [id, root, issuing],
  );
}

/** Who goes on past what, and how much of it there is. */
export type Forcing = { readonly by: string; readonly blockers: number };

/**
 * After the epoch was raised, where it is: what a report says of this phase, it says from that epoch on. `false` if the
 * rotation is no longer in the phase that it was read in; then nothing of the transaction may stay.
 */
export async function movePhase(
  on: Queryable,
  { id, phase }: Pick<RotationRecord, 'id' | 'phase'>,
  to: RotationPhase,
  forcing?: Forcing,
): Promise<boolean> {
  const { rowCount } = await on.query(
    `UPDATE rotations SET phase = $3, phase_since = now(), trouble = NULL,
       phase_epoch = (SELECT epoch FROM ca_state),
       ended_at = CASE WHEN $3 IN ('done', 'rolled-back') THEN now() END
     WHERE id = $1 AND phase = $2`,
    [id, phase, to],
  );
  if (rowCount !== 1) return false;
  if (forcing !== undefined) {
    await on.query(
      `INSERT INTO rotation_forced (rotation_id, phase, forced_by, blockers) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING`,
      [id, phase, forcing.by, forcing.blockers],
    );
  }
  return true;
}

/** What stops it, for whoever looks at it. */
export async function recordTrouble(on: Queryable, id: string, trouble: string): Promise<void> {
  await on.query(
    'UPDATE rotations SET trouble = $2 WHERE id = $1 AND trouble IS DISTINCT FROM $2',
    [id, trouble],
  );
}

/** Whose newest certificate is not by this issuer: of a rehearsal's canaries. */
export async function canariesWithout(
  on: Queryable,
  { id, newIssuing }: Pick<RotationRecord, 'id' | 'newIssuing'>,
): Promise<Canary[]> {
  const { rows } = await on.query<Canary>(
    `SELECT c.name, encode(c.ek_ref, 'hex') AS "ekRef" FROM rotation_canaries c
      WHERE c.rotation_id = $1 AND (
        SELECT k.issuer_key_id FROM certificates k WHERE k.ek_ref = c.ek_ref ORDER BY k.issued_at DESC LIMIT 1)
        IS DISTINCT FROM decode($2, 'hex')
      ORDER BY c.name`,
    [id, newIssuing],
  );
  return rows;
}
