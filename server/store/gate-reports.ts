import type { RunningVm } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** In the place of what the host told before. `digest`: of the report, null for a host that has nothing to tell. */
export async function replaceRunning(
  on: Queryable,
  hostId: string,
  { digest, running }: { readonly digest: string | null; readonly running: readonly RunningVm[] },
): Promise<void> {
  await on.query('DELETE FROM running_vms WHERE host_id = $1', [hostId]);
  await on.query(
    `INSERT INTO running_vms (host_id, position, vm, name, door, permit, paused, since)
     SELECT $1, (n - 1)::integer, (r ->> 'vm')::uuid, r ->> 'name', r ->> 'door', (r ->> 'permit')::uuid,
            (r ->> 'paused')::boolean, (r ->> 'since')::timestamptz
       FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS told (r, n)`,
    [hostId, JSON.stringify(running)],
  );
  await on.query('UPDATE hosts SET gate_report = $2 WHERE id = $1', [hostId, digest]);
}

/** Of a host that is there no more. */
export async function forgetGateReport(on: Queryable, hostId: string): Promise<void> {
  await on.query('DELETE FROM exposures WHERE host_id = $1', [hostId]);
  await replaceRunning(on, hostId, { digest: null, running: [] });
}

/** VMs of these hosts whose records say what is to happen there: running by the host's word, or permitted last. */
export const VMS_OF_HOST = `SELECT p.vm FROM vm_places p WHERE p.host_id = $1
  UNION SELECT r.vm FROM running_vms r WHERE r.host_id = $1 AND r.vm IS NOT NULL`;
