import type { Queryable } from './database.ts';
import { forgetGateReport } from './gate-reports.ts';

/**
 * Another machine stands under the host's name from now on. What the one before told of itself goes, and so do the places
 * of VMs: nobody knows any more where they run. Permits of before stay as records, of another machine.
 */
export async function leaveMachine(on: Queryable, hostId: string): Promise<void> {
  await on.query(
    'UPDATE hosts SET machine = machine + 1, orders_sequence = orders_sequence + 1 WHERE id = $1',
    [hostId],
  );
  await forgetGateReport(on, hostId);
  await on.query('DELETE FROM vm_places WHERE host_id = $1', [hostId]);
}

/** Nothing is licensed there by a permit that was given until now. */
export async function endLicensesAt(on: Queryable, hostId: string): Promise<void> {
  await on.query('UPDATE vm_places SET licensable = false WHERE host_id = $1', [hostId]);
}

/** Nobody moves a VM to or from this host until the transaction ends. VMs are locked before their places. */
export async function lockPlacesAt(on: Queryable, hostId: string): Promise<void> {
  await on.query('SELECT FROM vm_places WHERE host_id = $1 ORDER BY vm FOR UPDATE', [hostId]);
}
