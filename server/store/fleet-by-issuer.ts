import type { Queryable } from './database.ts';
import type { StoredState } from './host.ts';
import type { PageAfter } from './page.ts';

/** Those that may attest. */
const THERE = `h.removed_at IS NULL AND h.state IN ('trusted', 'untrusted')`;
/** As many as are named. */
const NAMED = 100;

/** `away`: who gave no authentic evidence since then. `anchorsSince`: see trust_bundles. */
export type FleetQuestion = { readonly staleBefore: Date; readonly anchorsSince: number };

export type FleetCount = {
  /** '' where nobody can say. */
  readonly keyId: string;
  readonly hosts: number;
  readonly away: number;
  /** Their own statements show no trust bundle yet that has the anchors of now. */
  readonly behind: number;
  readonly behindAway: number;
  readonly vms: number;
};

/** One pass over the hosts and one over where VMs are, however many there are of them. */
export async function countFleetByIssuer(
  on: Queryable,
  { staleBefore, anchorsSince }: FleetQuestion,
): Promise<FleetCount[]> {
  const { rows } = await on.query<FleetCount>(
    `WITH fleet AS (
       SELECT ak_issuer AS key_id, count(*) AS hosts,
              count(*) FILTER (WHERE last_authentic_at < $1) AS away,
              count(*) FILTER (WHERE bundle_epoch < $2) AS behind,
              count(*) FILTER (WHERE bundle_epoch < $2 AND last_authentic_at < $1) AS behind_away
         FROM hosts h WHERE ${THERE} GROUP BY ak_issuer
     ), placed AS (
       SELECT h.ak_issuer AS key_id, count(*) AS vms
         FROM vm_places p JOIN hosts h ON h.id = p.host_id WHERE ${THERE} GROUP BY h.ak_issuer
     )
     SELECT key_id AS "keyId", hosts::int, away::int, behind::int, behind_away::int AS "behindAway",
            coalesce(vms, 0)::int AS vms
       FROM fleet LEFT JOIN placed USING (key_id) ORDER BY hosts DESC, key_id`,
    [staleBefore, anchorsSince],
  );
  return rows;
}

export type FleetHost = {
  readonly id: string;
  readonly name: string;
  readonly ekRef: string;
  readonly state: StoredState;
  readonly stateSince: Date;
  readonly lastAuthenticAt: Date;
  readonly akIssuer: string;
  readonly markIssuer: string | null;
};

const COLUMNS = `h.id, h.name, h.ek_ref AS "ekRef", h.state, h.state_since AS "stateSince",
  h.last_authentic_at AS "lastAuthenticAt", h.ak_issuer AS "akIssuer", h.mark_issuer AS "markIssuer"`;

/** The first by name, those that are there before those that are away. */
export async function hostsBehind(
  on: Queryable,
  { staleBefore, anchorsSince }: FleetQuestion,
): Promise<FleetHost[]> {
  const { rows } = await on.query<FleetHost>(
    `SELECT ${COLUMNS} FROM hosts h WHERE ${THERE} AND h.bundle_epoch < $2
      ORDER BY h.last_authentic_at < $1, h.name LIMIT ${NAMED}`,
    [staleBefore, anchorsSince],
  );
  return rows;
}

/** The same of one issuer's. */
export async function hostsOfIssuer(
  on: Queryable,
  keyId: string,
  staleBefore: Date,
): Promise<FleetHost[]> {
  const { rows } = await on.query<FleetHost>(
    `SELECT ${COLUMNS} FROM hosts h WHERE ${THERE} AND h.ak_issuer = $2
      ORDER BY h.last_authentic_at < $1, h.name LIMIT ${NAMED}`,
    [staleBefore, keyId],
  );
  return rows;
}

/** VMs on an issuer's hosts, the first by name. */
export async function vmsOfIssuer(on: Queryable, keyId: string): Promise<string[]> {
  const { rows } = await on.query<{ name: string }>(
    `SELECT v.name FROM vm_places p JOIN hosts h ON h.id = p.host_id JOIN vms v ON v.uuid = p.vm
      WHERE ${THERE} AND h.ak_issuer = $1 ORDER BY v.name LIMIT ${NAMED}`,
    [keyId],
  );
  return rows.map(({ name }) => name);
}

/** All of one issuer's, by name; `after` is one. */
export async function pageOfIssuer(
  on: Queryable,
  keyId: string,
  { limit, after }: PageAfter<string>,
): Promise<(FleetHost & { readonly vms: string[] })[]> {
  const { rows } = await on.query<FleetHost & { readonly vms: string[] }>(
    `SELECT ${COLUMNS},
            ARRAY(SELECT v.name FROM vm_places p JOIN vms v ON v.uuid = p.vm
                   WHERE p.host_id = h.id ORDER BY v.name LIMIT 10000) AS vms
       FROM hosts h WHERE ${THERE} AND h.ak_issuer = $2 AND ($3::text IS NULL OR h.name > $3)
      ORDER BY h.name LIMIT $1`,
    [limit, keyId, after],
  );
  return rows;
}
