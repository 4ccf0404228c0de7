import { createHash } from 'node:crypto';
import type { Exposure } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';

/** Where an exposure is in the list of them. */
export type ExposurePosition = readonly [sinceMs: number, hostId: string, key: string];

export type NewExposure = {
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly vm: string | null;
};

type Origin = Exposure['from'];
type Gone = { readonly code: string; readonly subject: string };

const keyOf = (origin: Origin, { code, subject, vm }: Omit<NewExposure, 'detail'>): string =>
  createHash('sha256')
    .update(JSON.stringify([origin, code, subject, vm]))
    .digest('hex');

/**
 * All that the host told last, in the place of what it told before.
 * @returns those that are new, and those that are no more
 */
export async function replaceTold(
  on: Queryable,
  hostId: string,
  told: readonly NewExposure[],
  now: Date,
): Promise<{ begun: NewExposure[]; ended: Gone[] }> {
  const byKey = new Map(told.map((each) => [keyOf('host', each), each]));
  const { rows: ended } = await on.query<Gone>(
    `DELETE FROM exposures WHERE host_id = $1 AND origin = 'host' AND key <> ALL ($2)
     RETURNING code, subject`,
    [hostId, [...byKey.keys()]],
  );
  const begun: NewExposure[] = [];
  for (const [key, each] of byKey) {
    if (await putExposure(on, { hostId, key, origin: 'host' }, each, now)) begun.push(each);
  }
  return { begun, ended };
}

/** One that the server itself knows of. @returns whether it is new */
export const addExposure = (
  on: Queryable,
  hostId: string,
  exposure: NewExposure,
  now: Date,
): Promise<boolean> =>
  putExposure(on, { hostId, key: keyOf('server', exposure), origin: 'server' }, exposure, now);

async function putExposure(
  on: Queryable,
  { hostId, key, origin }: { hostId: string; key: string; origin: Origin },
  { code, subject, detail, vm }: NewExposure,
  now: Date,
): Promise<boolean> {
  const { rows } = await on.query<{ inserted: boolean }>(
    `INSERT INTO exposures (host_id, key, origin, code, subject, detail, vm, since)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (host_id, key) DO UPDATE SET detail = EXCLUDED.detail
     RETURNING xmax = 0 AS inserted`,
    [hostId, key, origin, code, subject, detail, vm, now],
  );
  return rows[0]?.inserted === true;
}

/** A start is told of before the VM is seen to run. */
const SETTLING = `interval '5 minutes'`;

/** What the server says of a start ends when the VM runs there no more. */
export async function endOfStarts(on: Queryable, hostId: string, now: Date): Promise<Gone[]> {
  const { rows } = await on.query<Gone>(
    `DELETE FROM exposures e
      WHERE host_id = $1 AND origin = 'server' AND since < $2::timestamptz - ${SETTLING}
        AND NOT EXISTS (SELECT FROM running_vms r WHERE r.host_id = e.host_id AND r.vm = e.vm)
     RETURNING code, subject`,
    [hostId, now],
  );
  return rows;
}

/**
 * And when a permit that was deserved follows it, there or elsewhere. One that its host tells of at this moment stays as
 * that leaves it: hosts do not wait for one another.
 */
export async function endByPermit(on: Queryable, vms: readonly string[]): Promise<Gone[]> {
  const { rows } = await on.query<Gone>(
    `DELETE FROM exposures WHERE (host_id, key) IN
       (SELECT host_id, key FROM exposures WHERE vm = ANY ($1) AND origin = 'server' FOR UPDATE SKIP LOCKED)
     RETURNING code, subject`,
    [vms],
  );
  return rows;
}

/** Kept ones, and those that follow from the states of hosts: $1 is when a host is stale that was not heard since. */
const SHOWN = `
  SELECT e.host_id, e.key, e.origin, e.code, e.subject, e.detail, e.vm, e.since,
         CASE WHEN e.origin = 'host' THEN h.last_authentic_at ELSE e.since END AS seen
    FROM exposures e JOIN hosts h ON h.id = e.host_id
   WHERE h.removed_at IS NULL AND h.state <> 'pending'
     AND (e.origin = 'host' OR e.since > $2::timestamptz - ${SETTLING} OR h.gate_report IS NULL
          OR EXISTS (SELECT FROM running_vms r WHERE r.host_id = e.host_id AND r.vm = e.vm))
  UNION ALL
  SELECT h.id, encode(sha256(convert_to(h.id::text || r.position, 'UTF8')), 'hex'), 'server',
         CASE WHEN h.state = 'trusted' OR h.last_authentic_at < $1 AND h.state = 'untrusted'
              THEN 'GATE_SILENT' ELSE 'VM_ON_UNTRUSTED_HOST' END,
         r.name, 'host ' || CASE WHEN h.state <> 'revoked' AND h.last_authentic_at < $1
              THEN 'stale' ELSE h.state END,
         r.vm,
         greatest(CASE WHEN h.state <> 'revoked' AND h.last_authentic_at < $1
              THEN h.last_authentic_at ELSE h.state_since END, r.since), h.last_authentic_at
    FROM hosts h JOIN running_vms r ON r.host_id = h.id
   WHERE h.removed_at IS NULL
     AND (h.state IN ('untrusted', 'revoked') OR (h.state = 'trusted' AND h.last_authentic_at < $1))`;

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

/** The latest first; `host`: of one. `staleBefore`: a host that was not heard since is stale. */
export async function listExposures(
  on: Queryable,
  of: { readonly host: string | null; readonly staleBefore: Date; readonly now: Date },
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
      ...[of.staleBefore, of.now, of.host, limit],
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
  { staleBefore, now }: { readonly staleBefore: Date; readonly now: Date },
): Promise<{ code: string; count: number }[]> {
  const { rows } = await on.query<{ code: string; count: number }>(
    `SELECT code, count(*)::integer AS count FROM (${SHOWN}) x GROUP BY code ORDER BY code`,
    [staleBefore, now],
  );
  return rows;
}

/** More are told at the next look. */
const MOST_SILENT = 1_000;

/** Hosts that were trusted, run VMs by their own word, and were not heard since; those that nobody was told of yet. */
export async function silentWithVms(
  on: Queryable,
  staleBefore: Date,
): Promise<{ name: string; vms: number }[]> {
  const { rows } = await on.query<{ name: string; vms: number }>(
    `SELECT h.name, count(*)::integer AS vms
       FROM hosts h JOIN running_vms r ON r.host_id = h.id
      WHERE h.removed_at IS NULL AND h.state = 'trusted' AND h.last_authentic_at < $1
        AND NOT EXISTS (SELECT FROM alerts a WHERE a.code = 'GATE_SILENT' AND a.subject = h.name
                           AND a.last_at >= h.last_authentic_at)
      GROUP BY h.name LIMIT ${MOST_SILENT}`,
    [staleBefore],
  );
  return rows;
}
