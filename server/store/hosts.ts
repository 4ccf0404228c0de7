import type { AssuranceClass } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { Host, StoredState } from './host.ts';
import { HOST_SELECTED, hostOf, type HostRow } from './host-row.ts';
import type { PageAfter } from './page.ts';

/** Where a host is in the list of hosts. */
export type HostPosition = readonly [pending: boolean, name: string];

/** A removed host is to nobody there; its records stay until their time is up. */
const THERE = 'removed_at IS NULL';

type Key = 'id' | 'name' | 'ak_name';

async function hostBy(on: Queryable, key: Key, value: string, lock = ''): Promise<Host | null> {
  const { rows } = await on.query<HostRow>(
    `SELECT ${HOST_SELECTED} FROM hosts WHERE ${key} = $1 AND ${THERE} ${lock}`,
    [value],
  );
  return rows[0] === undefined ? null : hostOf(rows[0]);
}

export const hostById = (on: Queryable, id: string) => hostBy(on, 'id', id);
export const hostByName = (on: Queryable, name: string) => hostBy(on, 'name', name);
/** Whoever has this TPM, or had it when it was revoked: a removed name does not bring its TPM back. */
export async function hostByEkRef(on: Queryable, ekRef: string): Promise<Host | null> {
  const { rows } = await on.query<HostRow>(
    `SELECT ${HOST_SELECTED} FROM hosts WHERE ek_ref = $1 AND (${THERE} OR state = 'revoked')`,
    [ekRef],
  );
  return rows[0] === undefined ? null : hostOf(rows[0]);
}
/** Of those that are there, by name. */
export async function namesByEkRef(
  on: Queryable,
  ekRefs: readonly string[],
): Promise<{ ekRef: string; name: string }[]> {
  const { rows } = await on.query<{ ekRef: string; name: string }>(
    `SELECT ek_ref AS "ekRef", name FROM hosts WHERE ek_ref = ANY ($1) AND ${THERE} ORDER BY name`,
    [ekRefs],
  );
  return rows;
}
export const hostByAkName = (on: Queryable, akName: string) => hostBy(on, 'ak_name', akName);
/** Nobody else moves the host until the transaction ends. */
export const lockHost = (on: Queryable, id: string) => hostBy(on, 'id', id, 'FOR UPDATE');

/**
 * By name; those that somebody admitted come before those that wait, for anybody can bring hosts that wait.
 * `after` says of one whether it waits, and its name.
 */
export async function listHosts(
  on: Queryable,
  { limit, after }: PageAfter<HostPosition>,
): Promise<Host[]> {
  const { rows } = await on.query<HostRow>(
    `SELECT ${HOST_SELECTED} FROM hosts
      WHERE ${THERE} AND ($2::boolean IS NULL OR (state = 'pending', name) > ($2, $3))
      ORDER BY state = 'pending', name LIMIT $1`,
    [limit, ...(after ?? [null, null])],
  );
  return rows.map(hostOf);
}

/** The certificate that it is held to, or the one that it attested by last, is of an issuer that is not in $2. */
const NOT_BELIEVED = '(ak_issuer <> ALL ($2) OR mark_issuer <> ALL ($2)) IS TRUE';

export type HostCount = {
  readonly state: StoredState;
  readonly stale: boolean;
  readonly class: AssuranceClass;
  readonly count: number;
};

/** `believed`: the issuers whose certificates count; null where nobody knows. */
export async function countHostsByState(
  on: Queryable,
  {
    staleBefore,
    believed,
  }: { readonly staleBefore: Date; readonly believed: readonly string[] | null },
): Promise<HostCount[]> {
  const { rows } = await on.query<HostCount>(
    `SELECT state, class,
            state IN ('trusted', 'untrusted')
              AND (last_authentic_at < $1 OR ($2::text[] IS NOT NULL AND ${NOT_BELIEVED})) AS stale,
            count(*)::integer AS count
       FROM hosts WHERE ${THERE} GROUP BY 1, 2, 3`,
    [staleBefore, believed],
  );
  return rows;
}

/** Hosts that somebody admitted, by whether they have shown the trust bundle of this epoch. */
export async function countHostsByBundle(
  on: Queryable,
  epoch: number,
): Promise<{ there: number; behind: number }> {
  const { rows } = await on.query<{ there: number; behind: number }>(
    `SELECT count(*) FILTER (WHERE bundle_epoch >= $1)::integer AS there,
            count(*) FILTER (WHERE bundle_epoch < $1)::integer AS behind
       FROM hosts WHERE ${THERE} AND state IN ('trusted', 'untrusted')`,
    [epoch],
  );
  const [counts] = rows;
  if (counts === undefined) throw new Error('a count has one row');
  return counts;
}

/** Those that somebody admitted, by name. */
export async function admittedAfter(
  on: Queryable,
  { limit, after }: PageAfter<string>,
): Promise<Host[]> {
  const { rows } = await on.query<HostRow>(
    `SELECT ${HOST_SELECTED} FROM hosts
      WHERE state IN ('trusted', 'untrusted') AND ${THERE} AND ($2::text IS NULL OR name > $2)
      ORDER BY name LIMIT $1`,
    [limit, after],
  );
  return rows.map(hostOf);
}

/** All of them, in the order in which they are to be locked. */
export async function hostsHeldToBaselines(on: Queryable): Promise<string[]> {
  const { rows } = await on.query<{ id: string }>(
    `SELECT id FROM hosts WHERE state IN ('trusted', 'untrusted') AND ${THERE} ORDER BY name`,
  );
  return rows.map(({ id }) => id);
}

/** Those that wait for a person, by now. */
export async function countPending(on: Queryable): Promise<number> {
  const { rows } = await on.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM hosts WHERE state = 'pending' AND ${THERE}`,
  );
  return rows[0]?.n ?? Infinity;
}
