import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Issuer } from '@touchstone/endorsement';
import { CaBundle } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import {
  storeCaBundle,
  type StoredCaBundle,
  storedCaBundle,
  storedCaEpoch,
} from '../store/ca-bundle.ts';
import type { Queryable } from '../store/database.ts';
import { type SharedPoll, sharedPoll } from './shared-poll.ts';
import { withStolenRefused } from './stay-refused.ts';

const POLL_EVERY_MS = 60_000;
/** While the CA's keys change: what waits for this deployment to know of it waits no longer than that. */
const POLL_CHANGING_EVERY_MS = 2_000;
/** Until the first bundle no evidence is accepted, so the first is asked for more often. */
const FIRST_POLL_EVERY_MS = 1_000;
/** How late this process may be in going by what another replica was told, while nobody asks it for evidence. */
const RECALL_EVERY_MS = 1_000;

export type KnownIssuers = {
  readonly epoch: number;
  /** PEM. */
  readonly anchors: readonly string[];
  readonly issuers: readonly Issuer[];
  /** Hosts that should renew now. */
  readonly renewals?: NonNullable<CaBundle['renewals']>;
  /** Since when an issuer is known for refused, by its key id. */
  readonly refusedSince?: ReadonlyMap<string, Date>;
  /** When this list came. */
  readonly receivedAt?: Date;
};

/** The CA's flat list of issuers by key id, polled over a connection pinned to the CA's key, and kept. */
export type IssuerList = SharedPoll & {
  /** @throws AppError ISSUERS_UNKNOWN before the first bundle came. */
  known(): KnownIssuers;
  /** The same, after a look at what other replicas were told since. @throws AppError ISSUERS_UNKNOWN */
  recalled(): Promise<KnownIssuers>;
  /**
   * `then` after each poll, whatever came of it, and each time that the list is another one. True: hosts have still to
   * follow, and the next poll comes as soon as while keys change.
   */
  keep(
    signal: AbortSignal,
    onFailure: (error: unknown) => void,
    then?: () => Promise<boolean>,
  ): Promise<void>;
};

type Held = { readonly stored: StoredCaBundle; readonly known: KnownIssuers };

export function issuerList(ca: Client, database: Queryable): IssuerList {
  let held: Held | undefined;

  const known = () => {
    if (held === undefined) throw refusal('ISSUERS_UNKNOWN');
    return held.known;
  };

  /** What was known before a restart, or to another replica, holds here too. */
  const recall = async () => {
    const epoch = held?.known.epoch ?? 0;
    if ((await storedCaEpoch(database)) <= epoch) return;
    const stored = await storedCaBundle(database);
    if (stored !== null && stored.bundle.epoch > (held?.known.epoch ?? 0)) {
      held = { stored, known: knownOf(stored) };
    }
  };

  const ask = async (timeoutMs?: number) => {
    await recall();
    const given = await ca.request({
      ...{ method: 'GET', path: '/v1/bundle', schema: CaBundle },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    const before = held?.stored.bundle;
    const bundle = withStolenRefused(given, before);
    if (before !== undefined && isDeepStrictEqual(bundle, before)) return;
    // An older one, or another of the same epoch, could bring a refused issuer back.
    if (before !== undefined && bundle.epoch <= before.epoch) {
      throw refusal('CA_BUNDLE_OLDER', {
        detail: `The CA gave epoch ${bundle.epoch} after ${before.epoch}; that one stays.`,
      });
    }
    await storeCaBundle(database, bundle);
    await recall();
  };

  const polls = sharedPoll(ask);

  const pauseMs = (hostsFollow: boolean) => {
    if (held === undefined) return FIRST_POLL_EVERY_MS;
    return hostsFollow || isChanging(held.stored.bundle) ? POLL_CHANGING_EVERY_MS : POLL_EVERY_MS;
  };

  return {
    ...polls,
    known,
    async recalled() {
      await recall();
      return known();
    },
    async keep(signal, onFailure, then = async () => false) {
      let told: Held | undefined;
      // Its own: whoever else asks the CA all the time does not put off what follows a poll.
      let keptAtMs = polls.lastAtMs();
      let hostsFollow = false;
      while (!signal.aborted) {
        await sleep(RECALL_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
        if (signal.aborted) return;
        const isDue = performance.now() >= keptAtMs + pauseMs(hostsFollow);
        if (isDue) keptAtMs = performance.now();
        // A database that is away is told of with each poll.
        await (isDue ? polls.poll().catch(onFailure) : recall().catch(() => {}));
        if (!isDue && told === held) continue;
        told = held;
        hostsFollow = await then().catch((error: unknown) => {
          onFailure(error);
          return false;
        });
      }
    },
  };
}

/** Whether the CA's keys change at the moment: then it waits for what this deployment says of it. */
const isChanging = ({ anchors, issuers, renewals = [] }: CaBundle): boolean =>
  anchors.length > 1 || renewals.length > 0 || issuers.some(({ state }) => state === 'verify-only');

const knownOf = ({ bundle, refusedSince, receivedAt }: StoredCaBundle): KnownIssuers => ({
  ...{ epoch: bundle.epoch, anchors: bundle.anchors, renewals: bundle.renewals ?? [] },
  ...{ refusedSince, receivedAt },
  issuers: bundle.issuers.map(({ keyId, certificate, state, reason }) => ({
    ...{ keyId, certificate: new X509Certificate(certificate).raw, state },
    ...(reason === undefined ? {} : { reason }),
  })),
});
