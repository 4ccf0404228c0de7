import type { AssuranceClass, HostState } from '@touchstone/schemas';
import { countHostsByState, type HostCount } from '../store/hosts.ts';
import { readingOf, staleBefore } from './host-state.ts';
import { believedKeyIds } from './issuer-standing.ts';
import type { Verifier } from './verifier.ts';

/** How many hosts are shown in each state, by class. */
export async function countHosts(
  viewer: Pick<Verifier, 'database' | 'clock' | 'settings' | 'issuers'>,
): Promise<{ state: HostState; class: AssuranceClass; count: number }[]> {
  const { now, intervalSeconds, known } = readingOf(viewer);
  const counts: readonly HostCount[] = await countHostsByState(viewer.database, {
    staleBefore: staleBefore(now, intervalSeconds),
    believed: known === null ? null : believedKeyIds(known),
  });
  return counts.map(({ stale, state, ...rest }) => ({ ...rest, state: stale ? 'stale' : state }));
}
