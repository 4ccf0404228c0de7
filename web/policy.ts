import type {
  Approval,
  CaStatus,
  QuorumStatus,
  WindowHosts,
  WindowRecord,
} from '@touchstone/schemas';
import { api } from './api.ts';
import { useWhileLooking } from './while-looking.ts';

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

/** While somebody looks; null until the first answer. */
export const usePolicy = (inside: boolean): Policy | null =>
  useWhileLooking(inside, readPolicy, ASK_EVERY_MS);

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
