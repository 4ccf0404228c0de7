import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetChange, FleetSnapshot, HostSummary } from '@touchstone/schemas';
import { viewHosts } from './host-views.ts';
import { FIRST_PAGE } from './paging.ts';
import type { Verifier } from './verifier.ts';

export type FeedListener = {
  /** Once, and before any change. */
  readonly snapshot: (snapshot: FleetSnapshot) => void;
  readonly change: (change: FleetChange) => void;
  /** The fleet cannot be read now; nothing comes after it. */
  readonly lost: () => void;
};

export type HostFeed = {
  /** Until the returned function is called, or `lost`. */
  subscribe(listener: FeedListener): () => void;
};

/** How late a change may be seen. */
const INTERVAL_MS = 1_000;

/**
 * One reading of the fleet a second for all who watch, and none when nobody does. It is read, and not
 * notified: `stale` comes about by time alone, and NOTIFY would put every host's evidence behind one lock.
 */
export function hostFeed(
  viewer: Pick<Verifier, 'database' | 'clock' | 'settings' | 'issuers' | 'log'>,
): HostFeed {
  const fresh = new Set<FeedListener>();
  const told = new Set<FeedListener>();
  let running = false;
  let wake = new AbortController();

  const tick = async (before: Fleet): Promise<Fleet> => {
    const { hosts } = await viewHosts(viewer, FIRST_PAGE);
    const now = viewer.clock.now().toISOString();
    const fleet: Fleet = new Map(hosts.map((host) => [host.id, JSON.stringify(host)]));
    const changed = hosts.filter(({ id }) => before.get(id) !== fleet.get(id));
    const removed = [...before.keys()].filter((id) => !fleet.has(id));
    if (changed.length > 0 || removed.length > 0) {
      for (const listener of told) listener.change({ now, changed, removed });
    }
    for (const listener of fresh) {
      fresh.delete(listener);
      told.add(listener);
      listener.snapshot({ now, hosts });
    }
    return fleet;
  };

  const run = async (): Promise<void> => {
    running = true;
    let fleet: Fleet = new Map();
    try {
      while (fresh.size + told.size > 0) {
        wake = new AbortController();
        fleet = await tick(fleet);
        const pause = { signal: fresh.size > 0 ? AbortSignal.abort() : wake.signal, ref: false };
        await sleep(INTERVAL_MS, null, pause).catch(() => null);
      }
    } catch (error) {
      viewer.log.warn({ err: error }, 'the fleet could not be read for those who watch');
      const all = [...fresh, ...told];
      fresh.clear();
      told.clear();
      for (const listener of all) listener.lost();
    } finally {
      running = false;
    }
  };

  return {
    subscribe: (listener) => {
      fresh.add(listener);
      wake.abort();
      if (!running) void run();
      return () => {
        fresh.delete(listener);
        told.delete(listener);
      };
    },
  };
}

/** What was last told of each host. */
type Fleet = ReadonlyMap<HostSummary['id'], string>;
