import { createHash } from 'node:crypto';
import type { Exposure } from '@touchstone/schemas';
import type { ExposureCode } from '../codes/exposure-codes.ts';
import type { Queryable } from './database.ts';
import { permittedAs } from './permitted-as.ts';

export type NewExposure = {
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly vm: string | null;
};

type Origin = Exposure['from'];
export type Gone = { readonly code: string; readonly subject: string };

const keyOf = (origin: Origin, { code, subject, vm }: NewExposure): string =>
  createHash('sha256')
    .update(JSON.stringify([origin, code, subject, vm]))
    .digest('hex');

/**
 * All that the host told last, in the place of what it told before: as many as one report has at most.
 * @returns those that are new, and those that are no more
 */
export async function replaceTold(
  on: Queryable,
  hostId: string,
  told: readonly NewExposure[],
  now: Date,
): Promise<{ begun: NewExposure[]; ended: Gone[] }> {
  const { rows: ended } = await on.query<Gone>(
    `DELETE FROM exposures WHERE host_id = $1 AND origin = 'host' AND key <> ALL ($2)
     RETURNING code, subject`,
    [hostId, told.map((each) => keyOf('host', each))],
  );
  return { begun: await putExposures(on, hostId, 'host', told, now), ended };
}

/** Those that the server itself knows of, of starts: each counts from the last of them. @returns the new ones */
export const addExposures = (
  on: Queryable,
  hostId: string,
  exposures: readonly NewExposure[],
  now: Date,
): Promise<NewExposure[]> => putExposures(on, hostId, 'server', exposures, now);

async function putExposures(
  on: Queryable,
  hostId: string,
  origin: Origin,
  exposures: readonly NewExposure[],
  now: Date,
): Promise<NewExposure[]> {
  const byKey = new Map(exposures.map((each) => [keyOf(origin, each), each]));
  if (byKey.size === 0) return [];
  const column = (of: (each: NewExposure) => string | null) => [...byKey.values()].map(of);
  const { rows } = await on.query<{ key: string; inserted: boolean }>(
    `INSERT INTO exposures (host_id, key, origin, code, subject, detail, vm, since)
     SELECT $1, key, $2, code, subject, detail, vm, $3
       FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[]) AS t (key, code, subject, detail, vm)
     ON CONFLICT (host_id, key) DO UPDATE SET detail = EXCLUDED.detail,
       since = CASE WHEN exposures.origin = 'server' THEN EXCLUDED.since ELSE exposures.since END
     RETURNING key, xmax = 0 AS inserted`,
    [
      ...[hostId, origin, now, [...byKey.keys()]],
      column(({ code }) => code),
      column(({ subject }) => subject),
      column(({ detail }) => detail),
      column(({ vm }) => vm),
    ],
  );
  const inserted = new Set(rows.filter((row) => row.inserted).map(({ key }) => key));
  return [...byKey].filter(([key]) => inserted.has(key)).map(([, each]) => each);
}

/** Of what the server says of starts at one host, the newest are kept: twice what a report can say to run. */
export const MOST_OF_STARTS = 1_024;

const DROPPED: ExposureCode = 'EXPOSURES_DROPPED';
const OMITS: ExposureCode = 'REPORT_OMITS';

/** Those beyond that. @returns how many */
export async function dropOldest(on: Queryable, hostId: string): Promise<number> {
  const { rowCount } = await on.query(
    `DELETE FROM exposures
      WHERE host_id = $1
        AND key IN (SELECT key FROM exposures
                     WHERE host_id = $1 AND origin = 'server' AND code <> $2
                     ORDER BY since DESC, key DESC OFFSET ${MOST_OF_STARTS})`,
    [hostId, DROPPED],
  );
  return rowCount ?? 0;
}

/**
 * Whether a VM may run there that a dropped line told of: one that the host says to run, that no other line names, and that
 * no permit of the records explains. A permitted restore may have had a line by itself. So may what the host left out.
 */
const MAY_BE_DROPPED = `(
  EXISTS (SELECT FROM running_vms r
           WHERE r.host_id = e.host_id AND r.vm IS NOT NULL
             AND NOT EXISTS (SELECT FROM exposures o WHERE o.host_id = r.host_id AND o.vm = r.vm)
             AND NOT ${permittedAs("s.decision = 'permitted' AND s.operation <> 'restore'")})
  OR EXISTS (SELECT FROM exposures o
              WHERE o.host_id = e.host_id AND o.origin = 'host' AND o.code = '${OMITS}'))`;

/**
 * What the server says of a start is over when the VM runs there no more by the host's word, and that word is younger
 * than the start by as many seconds as the parameter has: a start is told of before the VM is seen to run, and by a host
 * that fell silent it runs still. Neither statements of the first version nor those that ask for permits say anything of VMs.
 * That lines were dropped is over when none of their VMs can run there any more.
 */
export const overAfter = (settling: string): string =>
  `e.origin = 'server' AND h.gate_told_at IS NOT NULL
   AND h.gate_told_at > e.since + make_interval(secs => ${settling}::integer)
   AND NOT EXISTS (SELECT FROM running_vms r WHERE r.host_id = e.host_id AND r.vm = e.vm)
   AND NOT (e.code = '${DROPPED}' AND ${MAY_BE_DROPPED})`;

/** Of this host, which the caller has locked. */
export async function endOfStarts(
  on: Queryable,
  hostId: string,
  settlingSeconds: number,
): Promise<Gone[]> {
  const { rows } = await on.query<Gone>(
    `DELETE FROM exposures WHERE host_id = $1 AND key IN
       (SELECT e.key FROM exposures e JOIN hosts h ON h.id = e.host_id
         WHERE e.host_id = $1 AND ${overAfter('$2')})
     RETURNING code, subject`,
    [hostId, settlingSeconds],
  );
  return rows;
}

/** So many at a time of the whole fleet; what somebody else has in hand is left to them. */
export async function endOfAllStarts(
  on: Queryable,
  most: number,
  settlingSeconds: number,
): Promise<(Gone & { readonly hostName: string })[]> {
  const { rows } = await on.query<Gone & { hostName: string }>(
    `WITH over AS (
       SELECT e.host_id, e.key, h.name FROM exposures e JOIN hosts h ON h.id = e.host_id
        WHERE ${overAfter('$2')} ORDER BY e.since LIMIT $1 FOR UPDATE OF e SKIP LOCKED)
     DELETE FROM exposures e USING over WHERE e.host_id = over.host_id AND e.key = over.key
     RETURNING e.code, e.subject, over.name AS "hostName"`,
    [most, settlingSeconds],
  );
  return rows;
}

/** Whether there is any such line. */
export async function someStartIsOver(on: Queryable, settlingSeconds: number): Promise<boolean> {
  const { rowCount } = await on.query(
    `SELECT FROM exposures e JOIN hosts h ON h.id = e.host_id
      WHERE ${overAfter('$1')} LIMIT 1`,
    [settlingSeconds],
  );
  return rowCount === 1;
}

/**
 * And when a permit that was deserved follows it there. One for another host says nothing of what runs here, and ends only
 * what is said of hosts that never tell what runs there: nothing else would. What its host tells of at this moment stays as that
 * leaves it: hosts do not wait for one another.
 */
export async function endByPermit(
  on: Queryable,
  hostId: string,
  vms: readonly string[],
): Promise<Gone[]> {
  const { rows } = await on.query<Gone>(
    `DELETE FROM exposures WHERE (host_id, key) IN
       (SELECT e.host_id, e.key FROM exposures e JOIN hosts h ON h.id = e.host_id
         WHERE e.vm = ANY ($2) AND e.origin = 'server' AND (e.host_id = $1 OR h.gate_told_at IS NULL)
           FOR UPDATE OF e SKIP LOCKED)
     RETURNING code, subject`,
    [hostId, vms],
  );
  return rows;
}
