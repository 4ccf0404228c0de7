import { decodeJwt } from 'jose';
import {
  checkAgainst,
  type IssuerHosts,
  type NamedHost,
  type NamedHosts,
  type NamedVms,
  Slug,
  TrustBundle,
} from '@touchstone/schemas';
import {
  countFleetByIssuer,
  type FleetCount,
  type FleetHost,
  type FleetQuestion,
  hostsBehind,
  hostsOfIssuer,
  pageOfIssuer,
  vmsOfIssuer,
} from '../store/fleet-by-issuer.ts';
import type { PageAfter } from '../store/page.ts';
import type { StoredBundle } from '../store/trust-bundles.ts';
import { readingOf, type ReadingOf, shownState, staleBefore } from './host-state.ts';
import type { KnownIssuers } from './issuers.ts';
import { type Page, pageOf } from './paging.ts';
import type { Verifier } from './verifier.ts';

type Viewer = Pick<Verifier, 'database' | 'clock' | 'settings' | 'issuers' | 'bundles'>;

/** How far the CA's keys are known in the fleet: by whom each host's certificate is, and who lacks an anchor. */
export type FleetByIssuer = {
  readonly known: KnownIssuers;
  readonly bundle: StoredBundle;
  readonly hosts: number;
  readonly behind: NamedHosts;
  /** By key id; of the issuers that have any. */
  readonly issuers: ReadonlyMap<string, { readonly hosts: NamedHosts; readonly vms: NamedVms }>;
};

/** @throws AppError ISSUERS_UNKNOWN before the first bundle came. */
export async function fleetByIssuer(viewer: Viewer): Promise<FleetByIssuer> {
  const { database } = viewer;
  const known = await viewer.issuers.recalled();
  const bundle = viewer.bundles.current();
  const reading = readingOf(viewer);
  const question: FleetQuestion = {
    staleBefore: staleBefore(reading.now, reading.intervalSeconds),
    anchorsSince: anchorsSince(known, bundle),
  };
  const counts = await countFleetByIssuer(database, question);
  const sum = (of: (count: FleetCount) => number) =>
    counts.reduce((all, count) => all + of(count), 0);
  const behind = sum((count) => count.behind);
  const named = behind === 0 ? [] : await hostsBehind(database, question);
  const issuers = new Map<string, { hosts: NamedHosts; vms: NamedVms }>();
  for (const { keyId, hosts: count, away, vms } of counts) {
    const isNamed = !isActive(known, keyId);
    const hosts = isNamed ? await hostsOfIssuer(database, keyId, question.staleBefore) : [];
    issuers.set(keyId, {
      hosts: { count, away, named: hosts.map((host) => namedHost(host, reading)) },
      vms: { count: vms, named: isNamed && vms > 0 ? await vmsOfIssuer(database, keyId) : [] },
    });
  }
  return {
    ...{ known, bundle, issuers },
    hosts: sum(({ hosts }) => hosts),
    behind: {
      count: behind,
      away: sum(({ behindAway }) => behindAway),
      named: named.map((host) => namedHost(host, reading)),
    },
  };
}

/** Where the newest bundle itself lacks one, whoever has that is behind. */
function anchorsSince(
  { anchors }: KnownIssuers,
  { jws, epoch, anchorsSince: since }: StoredBundle,
) {
  const said = checkAgainst(TrustBundle, decodeJwt(jws)).anchors;
  return anchors.every((anchor) => said.includes(anchor)) ? since : epoch + 1;
}

const isActive = ({ issuers }: KnownIssuers, keyId: string): boolean =>
  issuers.some((issuer) => issuer.keyId === keyId && issuer.state === 'active');

function namedHost(host: FleetHost, reading: ReadingOf): NamedHost {
  const { name, ekRef, lastAuthenticAt } = host;
  return {
    ...{ name, ekRef, state: shownState(host, reading).state },
    away: lastAuthenticAt < staleBefore(reading.now, reading.intervalSeconds),
    lastSeen: lastAuthenticAt.toISOString(),
  };
}

/** Who has a certificate of this issuer, whether it is listed or not. */
export async function viewIssuerHosts(
  viewer: Viewer,
  keyId: string,
  page: Page,
): Promise<IssuerHosts> {
  const reading = readingOf(viewer);
  const { rows, next } = await pageOf(page, {
    key: Slug,
    load: (after: PageAfter<string>) => pageOfIssuer(viewer.database, keyId, after),
    keyOf: ({ name }) => name,
  });
  return { hosts: rows.map((host) => ({ ...namedHost(host, reading), vms: host.vms })), ...next };
}
