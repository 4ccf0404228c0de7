import type { StartRequest } from '@touchstone/schemas';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import type { StartRecord } from '../store/starts.ts';
import { raiseOrdersOfHost } from '../store/trust-losses.ts';
import { beginExposures, endExposuresOf, type ExposureMoment } from './change-exposures.ts';

/** What became of a request; `code`: what it would have been refused for, or was. */
export type AnsweredStart = {
  readonly request: StartRequest;
  readonly kind: StartRecord['decision'];
  readonly code: string | null;
};

/**
 * A deserved permit ends what was said of the VM's starts before; one that was not begins it. It comes last in its
 * transaction, when the audit log's turn is this one's: several hosts would wait for each other's rows in a circle. Of a host that nobody admitted nothing is said.
 */
export async function exposeStarts(
  on: Queryable,
  host: Pick<Host, 'id' | 'name' | 'state'>,
  starts: readonly AnsweredStart[],
  moment: ExposureMoment,
): Promise<void> {
  if (host.state === 'pending') return;
  const permitted = starts.filter(({ kind }) => kind === 'permitted');
  if (permitted.length > 0) {
    const vms = permitted.map(({ request }) => request.vm);
    await endExposuresOf(on, host, vms, moment.now);
  }
  const restored = permitted
    .filter(({ request }) => request.operation === 'restore' && !isSeenSaved(request))
    .map(({ request: { vm, requestId } }) => ({
      ...{ code: 'RESTORE_UNKNOWN' as const, vm, detail: `request ${requestId}` },
    }));
  const observed = starts
    .filter(({ kind }) => kind === 'observed')
    .map(({ request: { vm, requestId }, code }) => ({
      ...{ code: 'OBSERVED_START' as const, vm, detail: `request ${requestId}: ${code}` },
    }));
  await beginExposures(on, host, [...restored, ...observed], moment);
  if (observed.length > 0) await raiseOrdersOfHost(on, host.id);
}

const isSeenSaved = ({ savedState }: StartRequest): boolean => typeof savedState === 'string';
