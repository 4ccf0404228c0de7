import type { CaStatus } from '@touchstone/schemas';

/** What people should know of the CA's keys; null where there is nothing. */
export type KeysNotice =
  | { readonly kind: 'ending'; readonly at: string }
  | {
      readonly kind: 'changing';
      /** Hosts whose certificate is by the key in use, of all. */
      readonly moved: number;
      readonly of: number;
      /** The first of those that have to follow, and how many there are. */
      readonly behind: readonly string[];
      readonly behindCount: number;
      /** Hosts that are not trusted because the key of their certificate is not. */
      readonly refused: readonly string[];
      readonly refusedCount: number;
    };

const REMIND_MS = 30 * 86_400_000;
const MOST = 12;

export function keysNoticeOf(
  { issuers, anchors, hosts }: CaStatus,
  now: number,
): KeysNotice | null {
  const active = issuers.find(({ state }) => state === 'active');
  const others = issuers.filter(({ state }) => state === 'verify-only').map((one) => one.hosts);
  const lost = issuers.filter(({ state }) => state === 'refused').map((one) => one.hosts);
  const [behind, refused] = [namesOf(others), namesOf(lost)];
  if (others.length > 0 || refused.count > 0) {
    return {
      kind: 'changing',
      moved: active?.hosts.count ?? 0,
      of: hosts,
      ...{ behind: behind.names, behindCount: behind.count },
      ...{ refused: refused.names, refusedCount: refused.count },
    };
  }
  // The last anchor's end, and that of the only key that signs: nothing is believed beyond the earlier one.
  const lastAnchor = anchors
    .map(({ notAfter }) => notAfter)
    .toSorted()
    .at(-1);
  const [ends] = [active?.notAfter, lastAnchor].filter((at) => at !== undefined).toSorted();
  return ends !== undefined && Date.parse(ends) - now < REMIND_MS
    ? { kind: 'ending', at: ends }
    : null;
}

function namesOf(lists: readonly CaStatus['issuers'][number]['hosts'][]) {
  const names = lists.flatMap(({ named }) => named.map(({ name }) => name));
  return {
    names: [...new Set(names)].slice(0, MOST),
    count: lists.reduce((sum, { count }) => sum + count, 0),
  };
}
