import type { ImaProgress } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** How far the IMA list of a host's present boot was believed. */
export type StoredIma = {
  readonly akName: string;
  readonly resetCount: bigint;
  /** null where nothing of it is believed yet. */
  readonly progress: ImaProgress | null;
  /** What the evidence that moved it last went on from. */
  readonly before: ImaProgress | null;
  /** That evidence's digest. */
  readonly evidence: string | null;
  /** The entry behind what came and waits for the rest; null where nothing does. */
  readonly pendingEnd: number | null;
};

/** A part of the list as it came. */
export type ImaSegmentReference = {
  readonly fromEntry: number;
  readonly entries: number;
  /** SHA-256 of a blob that begins with it. */
  readonly digest: string;
  /** Of that blob, how many are of the part. */
  readonly bytes: number;
  /** Whether PCR 10 has vouched for it. */
  readonly proven: boolean;
};

type ProgressRow = {
  ak_name: string;
  reset_count: string;
  progress: ImaProgress | null;
  before: ImaProgress | null;
  evidence: string | null;
  pending_end: string | null;
};

/** Of whatever boot it is. Under the host's lock it stays as it is. */
export async function imaOfHost(on: Queryable, hostId: string): Promise<StoredIma | null> {
  const { rows } = await on.query<ProgressRow>(
    `SELECT ak_name, reset_count, progress, before, evidence,
            (SELECT max(from_entry + entries) FROM ima_segments s
              WHERE s.host_id = p.host_id AND NOT proven) AS pending_end
       FROM ima_progress p WHERE host_id = $1`,
    [hostId],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { ak_name: akName, reset_count: resetCount, pending_end: end, ...more } = row;
  const pendingEnd = end === null ? null : Number(end);
  return { ...more, akName, resetCount: BigInt(resetCount), pendingEnd };
}

/** Another boot or another AK: what was there is forgotten, its parts too. */
export async function restartIma(
  on: Queryable,
  hostId: string,
  { akName, resetCount }: Pick<StoredIma, 'akName' | 'resetCount'>,
): Promise<void> {
  await on.query('DELETE FROM ima_progress WHERE host_id = $1', [hostId]);
  await on.query('INSERT INTO ima_progress (host_id, ak_name, reset_count) VALUES ($1, $2, $3)', [
    hostId,
    akName,
    resetCount.toString(),
  ]);
}

export async function setImaProgress(
  on: Queryable,
  hostId: string,
  { progress, before, evidence }: Pick<StoredIma, 'progress' | 'before' | 'evidence'>,
): Promise<void> {
  await on.query(
    'UPDATE ima_progress SET progress = $2, before = $3, evidence = $4 WHERE host_id = $1',
    [hostId, jsonOf(progress), jsonOf(before), evidence],
  );
}

/** In the list's order. */
export async function imaSegments(on: Queryable, hostId: string): Promise<ImaSegmentReference[]> {
  const { rows } = await on.query<{
    from_entry: string;
    entries: string;
    digest: string;
    bytes: number;
    proven: boolean;
  }>(
    `SELECT from_entry, entries, digest, bytes, proven FROM ima_segments
      WHERE host_id = $1 ORDER BY from_entry`,
    [hostId],
  );
  return rows.map(({ from_entry: fromEntry, entries, ...row }) => ({
    ...row,
    fromEntry: Number(fromEntry),
    entries: Number(entries),
  }));
}

/** The blob is stored already. */
export async function addImaSegment(
  on: Queryable,
  hostId: string,
  { fromEntry, entries, digest, bytes, proven }: ImaSegmentReference,
): Promise<void> {
  await on.query(
    `INSERT INTO ima_segments (host_id, from_entry, entries, digest, bytes, proven)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [hostId, fromEntry, entries, digest, bytes, proven],
  );
}

export async function countImaSegments(on: Queryable, hostId: string): Promise<number> {
  const { rows } = await on.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM ima_segments WHERE host_id = $1',
    [hostId],
  );
  return rows[0]?.n ?? Infinity;
}

/** PCR 10 has vouched for all that came. */
export async function proveImaSegments(on: Queryable, hostId: string): Promise<void> {
  await on.query('UPDATE ima_segments SET proven = true WHERE host_id = $1 AND NOT proven', [
    hostId,
  ]);
}

/** What came did not lead to PCR 10. */
export async function forgetPending(on: Queryable, hostId: string): Promise<void> {
  await on.query('DELETE FROM ima_segments WHERE host_id = $1 AND NOT proven', [hostId]);
}

/** All of them. */
export async function dropImaSegments(on: Queryable, hostId: string): Promise<void> {
  await on.query('DELETE FROM ima_segments WHERE host_id = $1', [hostId]);
}

const jsonOf = (progress: ImaProgress | null): string | null =>
  progress === null ? null : JSON.stringify(progress);
