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
 * Of these VMs, the other host that got the latest permit, and those that say that they run there. A host that says so
 * is one whatever its state: what it says can only keep the VM from moving. So is one that says it refused after all what
 * it was permitted, or what it said before that it had let start. What strangers asked for is not looked at. A machine that
 * another one took the place of is as one that was removed: nobody proves its state any more, and what the new one proves
 * is not of it. It may be this host's own, before.
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
     ), permitted AS (
       SELECT DISTINCT ON (vm) vm, host_id, starts.machine = hosts.machine AS there
         FROM starts JOIN hosts ON hosts.id = host_id
        WHERE vm = ANY ($2::uuid[]) AND (host_id <> $1 OR starts.machine <> hosts.machine)
          AND (permit_id IS NOT NULL OR decision IN ('observed', 'differs') OR turned_from = 'observed')
          AND hosts.state <> 'pending'
        ORDER BY vm, at DESC
     )
     SELECT place.vm, h.name, h.state, h.state_since AS "stateSince",
            h.last_authentic_at AS "lastAuthenticAt", h.ak_issuer AS "akIssuer",
            h.mark_issuer AS "markIssuer"
       FROM (SELECT * FROM said UNION SELECT vm, host_id FROM permitted WHERE there) place
       JOIN hosts h ON h.id = place.host_id AND h.removed_at IS NULL
      ORDER BY place.vm, h.name`,
    [hostId, vms],
  );
  return rows;
}
