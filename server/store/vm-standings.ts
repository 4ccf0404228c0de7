import type { Finding, RefusedStart, VmStanding } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';
import { permittedAs } from './permitted-as.ts';

type StandingRow = {
  uuid: string;
  name: string;
  on_loss: VmStanding['onLoss'];
  held: VmStanding['held'];
  place: VmStanding['place'];
  running: VmStanding['running'] | null;
  exposures: number;
};

/** As toISOString writes it. */
const iso = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * Of what a host says to run: by a permit as the records have it, by one of which the host said that something else became
 * of that start, by observe mode, or by a licence that was told of.
 */
const GROUND = `CASE
  WHEN r.permit IS NULL THEN NULL
  WHEN ${permittedAs("s.decision = 'permitted'")} THEN 'permit'
  WHEN ${permittedAs("s.decision = 'refused'")} THEN 'refused'
  WHEN ${permittedAs("s.decision = 'failed'")} THEN 'failed'
  WHEN ${permittedAs("s.decision = 'differs'")} THEN 'differs'
  WHEN ${permittedAs("s.decision = 'observed'")} OR EXISTS (SELECT FROM observations o WHERE o.id = r.permit) THEN 'observe'
  WHEN EXISTS (SELECT FROM exposures e WHERE e.vm = v.uuid AND e.host_id = r.host_id
                  AND e.origin = 'server' AND e.code = 'LICENCE_USED') THEN 'licence' END`;

/** $1: a host that was not heard since is stale. */
const STANDINGS = `SELECT v.uuid, v.name, v.on_loss,
        (SELECT jsonb_build_object('hostId', h.id, 'hostName', h.name, 'since', ${iso('k.since')}, 'cause', k.cause)
           FROM vm_holds k JOIN hosts h ON h.id = k.host_id WHERE k.vm = v.uuid) AS held,
        (SELECT jsonb_build_object('hostId', h.id, 'hostName', h.name, 'at', ${iso('p.at')})
           FROM vm_places p JOIN hosts h ON h.id = p.host_id WHERE p.vm = v.uuid) AS place,
        (SELECT jsonb_agg(one ORDER BY one ->> 'since')
           FROM (SELECT jsonb_build_object('hostId', h.id, 'hostName', h.name, 'hostState',
                          CASE WHEN h.state IN ('trusted', 'untrusted') AND h.last_authentic_at < $1
                               THEN 'stale' ELSE h.state END,
                          'door', r.door, 'ground', ${GROUND}, 'paused', r.paused,
                          'since', ${iso('r.since')}) AS one
                   FROM running_vms r JOIN hosts h ON h.id = r.host_id
                  WHERE r.vm = v.uuid AND h.removed_at IS NULL LIMIT 16) there) AS running,
        (SELECT count(*)::integer FROM exposures e JOIN hosts h ON h.id = e.host_id
          WHERE e.vm = v.uuid AND h.removed_at IS NULL) AS exposures
   FROM vms v`;

/** By name; `after` is one. */
export async function listStandings(
  on: Queryable,
  staleBefore: Date,
  { limit, after }: PageAfter<string>,
): Promise<VmStanding[]> {
  const { rows } = await on.query<StandingRow>(
    `${STANDINGS} WHERE $3::text IS NULL OR v.name > $3 ORDER BY v.name LIMIT $2`,
    [staleBefore, limit, after],
  );
  return rows.map(standingOf);
}

export async function standingByUuid(
  on: Queryable,
  staleBefore: Date,
  uuid: string,
): Promise<VmStanding | null> {
  const { rows } = await on.query<StandingRow>(`${STANDINGS} WHERE v.uuid = $2`, [
    staleBefore,
    uuid,
  ]);
  return rows[0] === undefined ? null : standingOf(rows[0]);
}

function standingOf({ on_loss: onLoss, running, exposures, ...row }: StandingRow): VmStanding {
  const unproven = (running ?? []).filter(({ hostState }) => hostState !== 'trusted').length;
  return { ...row, onLoss, running: running ?? [], exposures: exposures + unproven };
}

/** Where a refusal is in the list of them. */
export type RefusalPosition = readonly [atMs: number, hostId: string, requestId: string];

type RefusalRow = {
  request_id: string;
  host_id: string;
  host_name: string;
  vm: string;
  vm_name: string | null;
  at: Date;
  code: string;
  finding: Finding | null;
  told: boolean;
};

/** The latest first. */
export async function listRefusals(
  on: Queryable,
  { limit, after }: PageAfter<RefusalPosition>,
): Promise<RefusedStart[]> {
  const { rows } = await on.query<RefusalRow>(
    `SELECT s.request_id, s.host_id, h.name AS host_name, s.vm, v.name AS vm_name, s.at, s.code, s.finding, s.told
       FROM starts s JOIN hosts h ON h.id = s.host_id LEFT JOIN vms v ON v.uuid = s.vm
      WHERE s.decision = 'refused'
        AND ($2::timestamptz IS NULL
             OR (s.at, s.host_id, s.request_id) < ($2::timestamptz, $3::uuid, $4::uuid))
      ORDER BY s.at DESC, s.host_id DESC, s.request_id DESC LIMIT $1`,
    [limit, after && new Date(after[0]), after?.[1] ?? null, after?.[2] ?? null],
  );
  return rows.map((row) => ({
    requestId: row.request_id,
    hostId: row.host_id,
    hostName: row.host_name,
    vm: row.vm,
    vmName: row.vm_name,
    at: row.at.toISOString(),
    code: row.code,
    finding: row.finding,
    told: row.told,
  }));
}
