import type { AssuranceClass, HostState } from '@touchstone/schemas';
import { countHostsByState, type HostCount } from '../store/hosts.ts';
import { staleBefore } from './host-state.ts';
import type { Verifier } from './verifier.ts';

/** How many hosts are shown in each state, by class. */
export async function countHosts({
  database,
  clock,
  settings,
}: Pick<Verifier, 'database' | 'clock' | 'settings'>): Promise<
  { state: HostState; class: AssuranceClass; count: number }[]
> {
  const before = staleBefore(clock.now(), settings.intervalSeconds);
  const counts: readonly HostCount[] = await countHostsByState(database, before);
  return counts.map(({ stale, state, ...rest }) => ({ ...rest, state: stale ? 'stale' : state }));
}
