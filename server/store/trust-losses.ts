import type { OnLoss } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { VMS_OF_HOST } from './gate-reports.ts';

export type LostVm = { readonly vm: string; readonly name: string; readonly action: OnLoss };

/**
 * Registered VMs that run there or were permitted there last, and what is to happen to them; the harshest first. `running`:
 * those that the host says to run in a report that is not stored yet.
 */
export async function vmsAtHost(
  on: Queryable,
  hostId: string,
  {
    most = null,
    running = [],
  }: { readonly most?: number | null; readonly running?: readonly string[] } = {},
): Promise<LostVm[]> {
  const { rows } = await on.query<LostVm>(
    `SELECT uuid AS vm, name, on_loss AS action FROM vms
      WHERE uuid IN (${VMS_OF_HOST} UNION SELECT unnest($3::uuid[]))
      ORDER BY array_position(ARRAY['shutdown', 'pause', 'no-new-starts', 'flag'], on_loss), uuid
      LIMIT $2`,
    [hostId, most, running],
  );
  return rows;
}

/** Nobody changes or removes the records of VMs at these hosts until the transaction ends. */
export async function holdVmsAt(on: Queryable, hosts: readonly string[]): Promise<void> {
  await on.query(
    `SELECT FROM vms
      WHERE uuid IN (SELECT vm FROM vm_places WHERE host_id = ANY ($1)
                     UNION SELECT vm FROM running_vms WHERE host_id = ANY ($1))
      ORDER BY uuid FOR SHARE`,
    [hosts],
  );
}

/** They are started nowhere. One that is held already stays so for the first reason. */
export async function holdVms(
  on: Queryable,
  vms: readonly string[],
  hold: { readonly hostId: string; readonly now: Date; readonly cause: string },
): Promise<void> {
  await on.query(
    `INSERT INTO vm_holds (vm, host_id, since, cause) SELECT unnest($1::uuid[]), $2, $3, $4
     ON CONFLICT (vm) DO NOTHING`,
    [vms, hold.hostId, hold.now, hold.cause],
  );
}

/** Those of these that are held, with why. */
export async function heldVms(
  on: Queryable,
  vms: readonly string[],
): Promise<ReadonlyMap<string, { readonly since: string; readonly cause: string }>> {
  const { rows } = await on.query<{ vm: string; since: Date; cause: string }>(
    'SELECT vm, since, cause FROM vm_holds WHERE vm = ANY ($1)',
    [vms],
  );
  return new Map(rows.map(({ vm, since, cause }) => [vm, { since: since.toISOString(), cause }]));
}

/** False where it was not held. */
export async function releaseHold(on: Queryable, vm: string): Promise<boolean> {
  const { rowCount } = await on.query('DELETE FROM vm_holds WHERE vm = $1', [vm]);
  return rowCount === 1;
}

/** What a host that is not trusted is ordered changed, for it changed which VMs are there. */
export async function raiseOrdersOfHost(on: Queryable, hostId: string): Promise<void> {
  await on.query(
    `UPDATE hosts SET orders_sequence = orders_sequence + 1
      WHERE id = $1 AND state IN ('untrusted', 'revoked')`,
    [hostId],
  );
}

/**
 * Hosts whose orders change with a VM's record, for those that are not trusted: where it runs, or was permitted last.
 * Nobody moves them until the transaction ends; the database itself gives their orders a new number.
 */
export async function lockHostsOfVm(on: Queryable, vm: string): Promise<void> {
  await on.query(
    `SELECT FROM hosts
      WHERE id IN (SELECT host_id FROM vm_places WHERE vm = $1
                   UNION SELECT host_id FROM running_vms WHERE vm = $1)
        AND state IN ('untrusted', 'revoked')
      ORDER BY id FOR UPDATE`,
    [vm],
  );
}
