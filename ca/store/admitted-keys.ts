import type { AssuranceClass } from '@touchstone/endorsement';
import type { Queryable } from './transaction.ts';

/** An EK that may still renew, by what vouched for it when it last activated. */
export type AdmittedEndorsementKey = {
  readonly ekRef: Uint8Array;
  readonly class: AssuranceClass;
  readonly lastActivatedAt: Date;
  /** Of its newest certificate; null where none is left. */
  readonly certificateUntil: Date | null;
};

const IN_SERVICE = 'revoked_at IS NULL AND decommissioned_at IS NULL';
const UNTIL = `(SELECT max(c.not_after) FROM certificates c
  WHERE c.ek_ref = e.ek_ref AND c.not_after > now() AND c.revoked_at IS NULL)`;

/** By fingerprint of the root, in hex. */
export async function admittedByRoot(on: Queryable): Promise<ReadonlyMap<string, number>> {
  const { rows } = await on.query<{ fingerprint: string; count: number }>(
    `SELECT encode(root_fingerprint, 'hex') AS fingerprint, count(*)::integer AS count
     FROM endorsement_keys WHERE root_fingerprint IS NOT NULL AND ${IN_SERVICE}
     GROUP BY root_fingerprint`,
  );
  return new Map(rows.map(({ fingerprint, count }) => [fingerprint, count]));
}

/** How many no root vouched for; `unrecorded`: nobody wrote down who did. */
export async function countVouched(
  on: Queryable,
): Promise<Readonly<Record<'pin' | 'itself' | 'unrecorded', number>>> {
  const { rows } = await on.query<{ by: string; count: number }>(
    `SELECT coalesce(vouched_by, 'unrecorded') AS by, count(*)::integer AS count
     FROM endorsement_keys WHERE ${IN_SERVICE} GROUP BY vouched_by`,
  );
  const of = (by: string) => rows.find((row) => row.by === by)?.count ?? 0;
  return { pin: of('pin'), itself: of('itself'), unrecorded: of('unrecorded') };
}

/** Those of one root: all counted, the first of them named. */
export async function admittedKeys(
  on: Queryable,
  fingerprint: Uint8Array,
  limit: number,
): Promise<{
  readonly count: number;
  readonly lastUntil: Date | null;
  readonly keys: readonly AdmittedEndorsementKey[];
}> {
  const { rows: totals } = await on.query<{ count: number; last_until: Date | null }>(
    `SELECT count(*)::integer AS count, max(${UNTIL}) AS last_until
     FROM endorsement_keys e WHERE root_fingerprint = $1 AND ${IN_SERVICE}`,
    [fingerprint],
  );
  const { rows } = await on.query<{
    ek_ref: Buffer;
    class: AssuranceClass;
    last_activated_at: Date;
    until: Date | null;
  }>(
    `SELECT ek_ref, class, last_activated_at, ${UNTIL} AS until
     FROM endorsement_keys e WHERE root_fingerprint = $1 AND ${IN_SERVICE} ORDER BY ek_ref LIMIT $2`,
    [fingerprint, limit],
  );
  return {
    count: totals[0]?.count ?? 0,
    lastUntil: totals[0]?.last_until ?? null,
    keys: rows.map((row) => ({
      ...{ ekRef: row.ek_ref, class: row.class, lastActivatedAt: row.last_activated_at },
      certificateUntil: row.until,
    })),
  };
}
