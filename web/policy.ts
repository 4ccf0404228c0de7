import { useEffect, useState } from 'preact/hooks';
import type {
  Approval,
  CaStatus,
  QuorumStatus,
  WindowHosts,
  WindowRecord,
} from '@touchstone/schemas';
import { api } from './api.ts';

export type OpenWindow = {
  readonly window: WindowRecord;
  /** The first of those that the new documents have not accepted. */
  readonly laggards: WindowHosts['hosts'];
};

/** How many people loosening takes, what waits for another one, which updates are under way, and whose keys vouch. */
export type Policy = {
  readonly quorum: QuorumStatus['quorum'];
  readonly approvals: readonly Approval[];
  readonly windows: readonly OpenWindow[];
  /** Null where the server does not know its CA yet. */
  readonly ca: CaStatus | null;
};

const ASK_EVERY_MS = 60_000;
const MOST_LAGGARDS = 12;

/** Asked each minute while somebody looks; null until the first answer. What cannot be had stays as it was. */
export function usePolicy(inside: boolean): Policy | null {
  const [policy, setPolicy] = useState<Policy | null>(null);
  useEffect(() => {
    setPolicy(null);
    if (!inside) return undefined;
    let over = false;
    const look = () => {
      if (document.hidden) return;
      void readPolicy().then(
        (read) => {
          if (!over) setPolicy(read);
        },
        () => undefined,
      );
    };
    look();
    const timer = window.setInterval(look, ASK_EVERY_MS);
    document.addEventListener('visibilitychange', look);
    return () => {
      over = true;
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [inside]);
  return policy;
}

async function readPolicy(): Promise<Policy> {
  const [{ quorum, waiting }, { windows }, ca] = await Promise.all([
    api.quorum(),
    api.windows(),
    api.ca().catch(() => null),
  ]);
  const { approvals } = waiting === 0 ? { approvals: [] } : await api.approvals();
  return { quorum, approvals, windows: await Promise.all(windows.map(withLaggards)), ca };
}

async function withLaggards(window: WindowRecord): Promise<OpenWindow> {
  if (window.laggards === 0) return { window, laggards: [] };
  const { hosts } = await api.windowHosts(window.id);
  const laggards = hosts.filter(({ acceptedAt }) => acceptedAt === null);
  return { window, laggards: laggards.slice(0, MOST_LAGGARDS) };
}
