import type { Queryable } from '../store/database.ts';
import { hostsWithBundleBelow } from '../store/host-epochs.ts';
import { staleBefore } from './host-state.ts';

/** Hosts that are there, and whose own statements do not show this trust bundle or a later one. */
export const hostsBehind = (
  on: Queryable,
  epoch: number,
  { now, intervalSeconds }: { readonly now: Date; readonly intervalSeconds: number },
) => hostsWithBundleBelow(on, epoch, staleBefore(now, intervalSeconds));
