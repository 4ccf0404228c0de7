import type { FleetBeat, FleetChange, FleetSnapshot, HostSummary } from '@touchstone/schemas';
import { api, isLoggedOut } from './api.ts';
import { parsePrintable } from './printable.ts';

/** `asking`: the stream is broken, and the hosts are asked for instead. */
export type Liveness = 'connecting' | 'live' | 'asking' | 'silent';

export type Fleet = {
  readonly hosts: ReadonlyMap<string, HostSummary> | null;
  readonly liveness: Liveness;
  /** The server's time less the browser's, in milliseconds: clocks differ. */
  readonly skewMs: number;
};

export const NO_FLEET: Fleet = { hosts: null, liveness: 'connecting', skewMs: 0 };

/** The server beats every 5 s. */
const SILENCE_MS = 15_000;
export const ASK_MS = 10_000;

/**
 * Watches the fleet until the returned function is called: by the stream of events while it is there, and
 * else by asking. Unseen tabs do neither: a browser has few connections to one server.
 */
export function watchFleet(on: {
  readonly fleet: (fleet: Fleet) => void;
  readonly loggedOut: () => void;
}): () => void {
  let fleet = NO_FLEET;
  let source: EventSource | null = null;
  let silence: number | undefined;
  let again: number | undefined;
  /** Answers to what was asked before the latest turn are of no use any more. */
  let turn = 0;

  const move = (changes: Partial<Fleet>) => {
    fleet = { ...fleet, ...changes };
    on.fleet(fleet);
  };
  const skewOf = (now: string) => Date.parse(now) - Date.now();
  const heard = () => {
    window.clearTimeout(silence);
    silence = window.setTimeout(lost, SILENCE_MS);
  };
  const close = () => {
    turn += 1;
    source?.close();
    source = null;
    window.clearTimeout(silence);
    window.clearTimeout(again);
  };

  const ask = async () => {
    const asked = turn;
    try {
      const { hosts } = await api.hosts();
      if (asked === turn) move({ hosts: byId(hosts), liveness: 'asking' });
    } catch (error) {
      if (asked !== turn) return;
      if (isLoggedOut(error)) on.loggedOut();
      else move({ liveness: 'silent' });
    }
  };

  function lost() {
    close();
    again = window.setTimeout(open, ASK_MS);
    void ask();
  }

  function open() {
    close();
    if (document.hidden) return;
    const stream = new EventSource('/v1/events');
    source = stream;
    const listen = <T>(name: string, take: (data: T) => void) =>
      stream.addEventListener(name, (event: MessageEvent<string>) => {
        heard();
        take(parsePrintable(event.data) as T);
      });
    listen<FleetSnapshot>('hosts', ({ now, hosts }) =>
      move({ hosts: byId(hosts), liveness: 'live', skewMs: skewOf(now) }),
    );
    listen<FleetChange>('change', ({ now, changed, removed }) => {
      const hosts = new Map(fleet.hosts);
      for (const id of removed) hosts.delete(id);
      for (const host of changed) hosts.set(host.id, host);
      move({ hosts, skewMs: skewOf(now) });
    });
    listen<FleetBeat>('beat', ({ now }) => move({ skewMs: skewOf(now) }));
    stream.addEventListener('error', lost);
    heard();
  }

  document.addEventListener('visibilitychange', open);
  open();
  return () => {
    document.removeEventListener('visibilitychange', open);
    close();
  };
}

const byId = (hosts: readonly HostSummary[]) => new Map(hosts.map((host) => [host.id, host]));
