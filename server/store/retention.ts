import { refusal } from '../codes.ts';
import type { Queryable } from './database.ts';

/** Kinds of record that have a time of their own, in the order in which they go. */
export const RETAINED_KINDS = [
  'waitingOffers',
  'pendingHosts',
  'attestations',
  'starts',
  'browserSessions',
  'apiTokens',
  'joinTokens',
  'alerts',
  'audit',
] as const;
export type RetainedKind = (typeof RETAINED_KINDS)[number];

/** Days by kind; what is not named keeps what it has. */
export type RetentionDays = Partial<Readonly<Record<RetainedKind, number>>>;

/** Evidence goes with the verdicts that it led to, and a blob when no evidence refers to it any more. */
export type RemovableKind = RetainedKind | 'evidence' | 'blobs';

/** One thing that goes: a partition, or rows of one kind. */
export type Removal = {
  readonly kind: RemovableKind;
  /** The table. */
  readonly part: string;
  readonly since: Date;
  readonly until: Date;
  /** Of a large partition, as the planner estimates it. */
  readonly rows: number;
  /** Moved aside out of it, for something rests on them. */
  readonly kept: number;
  readonly bytes: number;
  readonly note: string;
};

type RemovalRow = Omit<Removal, 'rows' | 'kept' | 'bytes'> & {
  rows: string;
  kept: string;
  bytes: string;
};

const removalOf = ({ rows, kept, bytes, ...row }: RemovalRow): Removal => ({
  ...row,
  rows: Number(rows),
  kept: Number(kept),
  bytes: Number(bytes),
});

const COLUMNS = 'kind, part, since, until, rows, kept, bytes, note';

/** What would go now. Nothing changes. */
export async function dueForRemoval(on: Queryable): Promise<Removal[]> {
  const { rows } = await on.query<RemovalRow>(`SELECT ${COLUMNS} FROM retention_due()`);
  return rows.map(removalOf);
}

/** Removes the next of what is due of a kind, within the caller's transaction; null where nothing is. */
export async function removeNext(on: Queryable, kind: RemovableKind): Promise<Removal | null> {
  const { rows } = await on.query<RemovalRow>(`SELECT ${COLUMNS} FROM retention_remove($1)`, [
    kind,
  ]);
  return rows[0] === undefined ? null : removalOf(rows[0]);
}

export type KeptKind = {
  readonly kind: RemovableKind;
  /** Null for what goes with another kind. */
  readonly days: number | null;
  /** The first day or row that there is. */
  readonly since: Date | null;
  readonly bytes: number;
};

/** What there is, and how long it is kept. */
export async function keptKinds(on: Queryable): Promise<KeptKind[]> {
  const { rows } = await on.query<Omit<KeptKind, 'bytes'> & { bytes: string }>(
    `SELECT kind, days, since, bytes FROM retention_stock() LEFT JOIN retention USING (kind)
      ORDER BY kind`,
  );
  return rows.map(({ bytes, ...row }) => ({ ...row, bytes: Number(bytes) }));
}

/** Partitions for the days to come, where they are missing. */
export async function makePartitionsAhead(on: Queryable): Promise<void> {
  await on.query('SELECT make_partitions_ahead()');
}

/** True for one caller a day, of all replicas. */
export async function claimDailyRun(on: Queryable): Promise<boolean> {
  const { rowCount } = await on.query(
    `UPDATE retention_runs SET claimed_at = now() WHERE claimed_at < now() - interval '1 day'`,
  );
  return rowCount === 1;
}

/** Somebody else may have it again today: it came to no end. */
export async function releaseDailyRun(on: Queryable): Promise<void> {
  await on.query(`UPDATE retention_runs SET claimed_at = '-infinity'`);
}

/** As the owner. @throws AppError RETENTION_TOO_SHORT, and nothing is changed */
export async function setRetention(on: Queryable, wanted: RetentionDays): Promise<void> {
  const { rows } = await on.query<{ kind: string; minimum_days: number }>(
    'SELECT kind, minimum_days FROM retention',
  );
  const least = new Map(rows.map(({ kind, minimum_days: days }) => [kind, days]));
  for (const [kind, days] of Object.entries(wanted)) {
    const minimum = least.get(kind) ?? Infinity;
    if (days < minimum) {
      throw refusal('RETENTION_TOO_SHORT', { detail: `${kind}: ${days}, at least ${minimum}` });
    }
  }
  for (const [kind, days] of Object.entries(wanted)) {
    await on.query('UPDATE retention SET days = $2 WHERE kind = $1', [kind, days]);
  }
}
