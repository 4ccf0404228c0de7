import type { Queryable } from './database.ts';
import type { StoredState } from './host.ts';

/** A host that a VM may run on. */
export type SourceRow = {
  readonly vm: string;
  readonly name: string;
  readonly state: StoredState;
  readonly stateSince: Date;
  readonly lastAuthenticAt: Date;
  readonly akIssuer: string;
  readonly markIssuer: string | null;
};

/**
 * Of these VMs, the other host that got the latest permit, and those that say that they run there, or that since that permit
 * said they had let it start. What a host says only adds places, whatever its state, and so can only keep the VM from
 * moving: a start that it refused after all, or that failed, leaves its host a place, and those before it. What strangers
 * asked for is not looked at. A machine that another one took the place of is as one that was removed: nobody proves its
 * state any more, and what the new one proves is not of it. It may be this host's own, before.
 */
export async function placesElsewhere(
  on: Queryable,
  hostId: string,
  vms: readonly string[],
): Promise<SourceRow[]> {
  if (vms.length === 0) return [];
  const { rows } = await on.query<SourceRow>(
    `WITH said AS (
       SELECT DISTINCT vm, host_id FROM running_vms WHERE vm = ANY ($2::uuid[]) AND host_id <> $1
     ), started AS (
       SELECT vm, host_id, at, starts.machine = hosts.machine AS there,
              permit_id IS NOT NULL AND decision NOT IN ('refused', 'failed') AS stands
         FROM starts JOIN hosts ON hosts.id = host_id
        WHERE vm = ANY ($2::uuid[]) AND (host_id <> $1 OR starts.machine <> hosts.machine)
          AND (permit_id IS NOT NULL OR decision IN ('licensed', 'observed', 'differs')
               OR turned_from IN ('licensed', 'observed'))
          AND hosts.state <> 'pending'
     ), latest AS (
       SELECT vm, max(at) AS at FROM started WHERE stands GROUP BY vm
     ), permitted AS (
       SELECT vm, host_id FROM started LEFT JOIN latest USING (vm)
        WHERE there AND (latest.at IS NULL OR started.at >= latest.at)
     )
     SELECT place.vm, h.name, h.state, h.state_since AS "stateSince",
            h.last_authentic_at AS "lastAuthenticAt", h.ak_issuer AS "akIssuer",
            h.mark_issuer AS "markIssuer"
       FROM (SELECT * FROM said UNION SELECT vm, host_id FROM permitted) place
       JOIN hosts h ON h.id = place.host_id AND h.removed_at IS NULL
      ORDER BY place.vm, h.name`,
    [hostId, vms],
  );
  return rows;
}
