import type { Exposure } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { overAfter } from './kept-exposures.ts';
import type { PageAfter } from './page.ts';

/** Where an exposure is in the list of them. */
export type ExposurePosition = readonly [sinceMs: number, hostId: string, key: string];

type Origin = Exposure['from'];

/** When a host said last what runs there. Of those that never did since they were asked, when they said anything. */
const HEARD = 'least(h.last_authentic_at, h.gate_told_at)';

/**
 * Kept ones that are not over, and those that follow from the states of hosts. $1: a host that was not heard since is
 * stale; $2: seconds until what is said of a start is settled.
 */
const SHOWN = `
  SELECT e.host_id, e.key, e.origin, e.code, e.subject, e.detail, e.vm, e.since,
         CASE WHEN e.origin = 'host' THEN ${HEARD} ELSE e.since END AS seen
    FROM exposures e JOIN hosts h ON h.id = e.host_id
   WHERE h.removed_at IS NULL AND h.state <> 'pending' AND NOT (${overAfter('$2')})
  UNION ALL
  SELECT h.id, encode(sha256(convert_to(h.id::text || r.position, 'UTF8')), 'hex'), 'server',
         CASE WHEN h.state = 'trusted' OR h.last_authentic_at < $1 AND h.state = 'untrusted'
              THEN 'GATE_SILENT' ELSE 'VM_ON_UNTRUSTED_HOST' END,
         r.name,
         CASE WHEN h.state <> 'revoked' AND h.last_authentic_at < $1 THEN 'host stale'
              WHEN h.state = 'trusted' THEN 'host trusted, but does not say what runs there'
              ELSE 'host ' || h.state END,
         r.vm,
         greatest(CASE WHEN h.state <> 'revoked' AND h.last_authentic_at < $1 THEN h.last_authentic_at
                       WHEN h.state = 'trusted' THEN ${HEARD}
                       ELSE h.state_since END, r.since), ${HEARD}
    FROM hosts h JOIN running_vms r ON r.host_id = h.id
   WHERE h.removed_at IS NULL
     AND (h.state IN ('untrusted', 'revoked') OR (h.state = 'trusted' AND ${HEARD} < $1))`;

type ExposureRow = {
  host_id: string;
  host_name: string;
  key: string;
  origin: Origin;
  code: string;
  subject: string;
  detail: string;
  vm: string | null;
  vm_name: string | null;
  since: Date;
  seen: Date;
};

type Listed = Exposure & { readonly key: string };

/** When a host is stale that was not heard since, and seconds until what is said of a start is settled. */
export type ExposureTimes = { readonly staleBefore: Date; readonly settlingSeconds: number };

/** The latest first; `host`: of one. */
export async function listExposures(
  on: Queryable,
  of: ExposureTimes & { readonly host: string | null },
  { limit, after }: PageAfter<ExposurePosition>,
): Promise<Listed[]> {
  const { rows } = await on.query<ExposureRow>(
    `SELECT x.*, date_trunc('milliseconds', x.since) AS since, h.name AS host_name, v.name AS vm_name
       FROM (${SHOWN}) x JOIN hosts h ON h.id = x.host_id LEFT JOIN vms v ON v.uuid = x.vm
      WHERE ($3::uuid IS NULL OR x.host_id = $3)
        AND ($5::timestamptz IS NULL
             OR (date_trunc('milliseconds', x.since), x.host_id, x.key) < ($5, $6::uuid, $7))
      ORDER BY date_trunc('milliseconds', x.since) DESC, x.host_id DESC, x.key DESC LIMIT $4`,
    [
      ...[of.staleBefore, of.settlingSeconds, of.host, limit],
      ...[after && new Date(after[0]), after?.[1] ?? null, after?.[2] ?? null],
    ],
  );
  return rows.map((row) => ({
    key: row.key,
    hostId: row.host_id,
    hostName: row.host_name,
    from: row.origin,
    code: row.code,
    subject: row.subject,
    detail: row.detail,
    vm: row.vm,
    vmName: row.vm_name,
    since: row.since.toISOString(),
    lastSeenAt: row.seen.toISOString(),
  }));
}

/** How many there are of each code. */
export async function countExposures(
  on: Queryable,
  { staleBefore, settlingSeconds }: ExposureTimes,
): Promise<{ code: string; count: number }[]> {
  const { rows } = await on.query<{ code: string; count: number }>(
    `SELECT code, count(*)::integer AS count FROM (${SHOWN}) x GROUP BY code ORDER BY code`,
    [staleBefore, settlingSeconds],
  );
  return rows;
}

/** More are told at the next look. */
const MOST_SILENT = 1_000;

/** Hosts that were trusted, run VMs by their own word, and said nothing of them since; those that nobody was told of yet. */
export async function silentWithVms(
  on: Queryable,
  staleBefore: Date,
): Promise<{ name: string; vms: number }[]> {
  const { rows } = await on.query<{ name: string; vms: number }>(
    `SELECT h.name, count(*)::integer AS vms
       FROM hosts h JOIN running_vms r ON r.host_id = h.id
      WHERE h.removed_at IS NULL AND h.state = 'trusted' AND ${HEARD} < $1
        AND NOT EXISTS (SELECT FROM alerts a WHERE a.code = 'GATE_SILENT' AND a.subject = h.name
                           AND a.last_at >= ${HEARD})
      GROUP BY h.name LIMIT ${MOST_SILENT}`,
    [staleBefore],
  );
  return rows;
}
