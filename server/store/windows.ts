import type { AssuranceClass, Baseline, WindowRecord } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { StoredState } from './host.ts';
import type { PageAfter } from './page.ts';

/** Where a window is in the list of them. */
export type WindowPosition = readonly [openedAtMs: number, id: string];

type WindowRow = {
  id: string;
  name: string;
  until: Date;
  quota: number | null;
  accepted: number;
  opened_by: string;
  opened_at: Date;
  ended_at: Date | null;
  ended_by: WindowRecord['endedBy'];
  settled_at: Date | null;
  documents: WindowRecord['documents'];
  laggards: number;
};

export type StoredWindow = WindowRecord & { readonly settledAt: Date | null };

/** What a window is for, of the hosts that somebody admitted. */
const MATCHES = `h.state IN ('trusted', 'untrusted') AND h.removed_at IS NULL AND EXISTS (
  SELECT FROM jsonb_array_elements(w.matches) m
   WHERE m -> 'class' ? h.class AND h.labels @> (m -> 'labels')
     AND coalesce(m ->> 'host', h.id::text) = h.id::text)`;

const SELECTED = `w.id, w.name, w.until, w.quota, w.accepted, w.opened_by, w.opened_at, w.ended_at, w.ended_by,
  w.settled_at,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('part', b.part, 'version', b.version) ORDER BY b.part), '[]')
     FROM baselines b WHERE b.window_id = w.id) AS documents,
  (SELECT count(*)::int FROM hosts h WHERE ${MATCHES}
      AND NOT EXISTS (SELECT FROM window_hosts a WHERE a.window_id = w.id AND a.host_id = h.id)) AS laggards`;

const windowOf = (row: WindowRow): StoredWindow => ({
  id: row.id,
  name: row.name,
  documents: row.documents,
  until: row.until.toISOString(),
  quota: row.quota,
  accepted: row.accepted,
  laggards: row.laggards,
  openedBy: row.opened_by,
  openedAt: row.opened_at.toISOString(),
  endedAt: row.ended_at?.toISOString() ?? null,
  endedBy: row.ended_by,
  settledAt: row.settled_at,
});

export async function insertWindow(
  on: Queryable,
  opened: {
    readonly id: string;
    readonly name: string;
    readonly until: string;
    readonly quota: number | null;
    readonly documents: readonly Baseline[];
    readonly by: string;
    readonly now: Date;
  },
): Promise<void> {
  const { id, name, until, quota, documents, by, now } = opened;
  const matches = JSON.stringify(documents.map(({ match }) => match));
  // Who was counted in an earlier window is no news any more.
  await on.query(
    'DELETE FROM window_hosts WHERE window_id IN (SELECT id FROM windows WHERE name = $1)',
    [name],
  );
  await on.query(
    `INSERT INTO windows (id, name, until, quota, matches, opened_by, opened_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [id, name, until, quota, matches, by, now],
  );
}

/** The one of this id, or the latest of this name. */
export async function windowByKey(
  on: Queryable,
  key: string,
  { unsettled = false } = {},
): Promise<StoredWindow | null> {
  const { rows } = await on.query<WindowRow>(
    `SELECT ${SELECTED} FROM windows w
      WHERE (w.id::text = $1 OR w.name = $1) AND (NOT $2 OR w.settled_at IS NULL)
      ORDER BY w.opened_at DESC LIMIT 1`,
    [key, unsettled],
  );
  return rows[0] === undefined ? null : windowOf(rows[0]);
}

export async function listWindows(
  on: Queryable,
  all: boolean,
  { limit, after }: PageAfter<WindowPosition>,
): Promise<StoredWindow[]> {
  const { rows } = await on.query<WindowRow>(
    `SELECT ${SELECTED} FROM windows w
      WHERE ($2 OR w.settled_at IS NULL)
        AND ($3::timestamptz IS NULL OR (w.opened_at, w.id) < ($3::timestamptz, $4::uuid))
      ORDER BY w.opened_at DESC, w.id DESC LIMIT $1`,
    [limit, all, after && new Date(after[0]), after?.[1] ?? null],
  );
  return rows.map(windowOf);
}

/** Names of those whose end is past, and that nobody has settled. */
export async function windowsToSettle(on: Queryable, now: Date): Promise<string[]> {
  const { rows } = await on.query<{ id: string }>(
    'SELECT id FROM windows WHERE settled_at IS NULL AND (until <= $1 OR ended_at IS NOT NULL)',
    [now],
  );
  return rows.map(({ id }) => id);
}

/** Counts a host once. Of two at once one waits for the other, so that one of them is the last of the quota. */
export async function acceptHost(
  on: Queryable,
  accepted: { readonly window: string; readonly host: string; readonly now: Date },
): Promise<'counted before' | 'counted' | 'last'> {
  const { window, host, now } = accepted;
  const { rowCount } = await on.query(
    `INSERT INTO window_hosts (window_id, host_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [window, host, now],
  );
  if (rowCount === 0) return 'counted before';
  const { rows } = await on.query<{ last: boolean }>(
    `UPDATE windows SET accepted = accepted + 1,
            ended_at = CASE WHEN accepted + 1 >= quota THEN $2 ELSE ended_at END,
            ended_by = CASE WHEN accepted + 1 >= quota THEN 'quota' ELSE ended_by END
      WHERE id = $1 AND settled_at IS NULL AND ended_at IS NULL
      RETURNING ended_at IS NOT NULL AS last`,
    [window, now],
  );
  return rows[0]?.last === true ? 'last' : 'counted';
}

/** False where it is settled already. */
export async function settleWindow(
  on: Queryable,
  id: string,
  end: {
    readonly by: NonNullable<WindowRecord['endedBy']>;
    readonly endedAt: Date;
    readonly now: Date;
  },
): Promise<boolean> {
  const { rowCount } = await on.query(
    `UPDATE windows SET ended_at = coalesce(ended_at, $2), ended_by = coalesce(ended_by, $3), settled_at = $4
      WHERE id = $1 AND settled_at IS NULL`,
    [id, end.endedAt, end.by, end.now],
  );
  return rowCount === 1;
}

export type WindowHost = {
  readonly id: string;
  readonly name: string;
  readonly state: StoredState;
  readonly class: AssuranceClass;
  readonly stateSince: Date;
  readonly lastAuthenticAt: Date;
  readonly akIssuer: string;
  readonly markIssuer: string | null;
  readonly acceptedAt: Date | null;
};

/** Those it is for, by name; or only the laggards. */
export async function hostsOfWindow(
  on: Queryable,
  { id, laggards }: { readonly id: string; readonly laggards: boolean },
  { limit, after }: PageAfter<string>,
): Promise<WindowHost[]> {
  const { rows } = await on.query<{
    id: string;
    name: string;
    state: StoredState;
    class: AssuranceClass;
    state_since: Date;
    last_authentic_at: Date;
    ak_issuer: string;
    mark_issuer: string | null;
    accepted_at: Date | null;
  }>(
    `SELECT h.id, h.name, h.state, h.class, h.state_since, h.last_authentic_at, h.ak_issuer,
            h.mark_issuer, a.at AS accepted_at
       FROM windows w CROSS JOIN hosts h
       LEFT JOIN window_hosts a ON a.window_id = w.id AND a.host_id = h.id
      WHERE w.id = $1 AND ${MATCHES} AND (NOT $3 OR a.at IS NULL) AND ($4::text IS NULL OR h.name > $4)
      ORDER BY h.name LIMIT $2`,
    [id, limit, laggards, after],
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    state: row.state,
    class: row.class,
    stateSince: row.state_since,
    lastAuthenticAt: row.last_authentic_at,
    akIssuer: row.ak_issuer,
    markIssuer: row.mark_issuer,
    acceptedAt: row.accepted_at,
  }));
}
