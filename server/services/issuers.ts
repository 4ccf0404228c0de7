import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Issuer } from '@touchstone/endorsement';
import { CaBundle } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import { storeCaBundle, storedCaBundle } from '../store/ca-bundle.ts';
import type { Queryable } from '../store/database.ts';

const POLL_EVERY_MS = 60_000;
/** Until the first bundle no evidence is accepted, so the first is asked for more often. */
const FIRST_POLL_EVERY_MS = 1_000;

export type KnownIssuers = {
  readonly epoch: number;
  /** PEM. */
  readonly anchors: readonly string[];
  readonly issuers: readonly Issuer[];
};

/** The CA's flat list of issuers by key id, polled over a connection pinned to the CA's key, and kept. */
export type IssuerList = {
  /** @throws AppError ISSUERS_UNKNOWN before the first bundle came. */
  known(): KnownIssuers;
  poll(): Promise<void>;
  keep(signal: AbortSignal, onFailure: (error: unknown) => void): Promise<void>;
};

export function issuerList(ca: Client, database: Queryable): IssuerList {
  let held: { readonly bundle: CaBundle; readonly known: KnownIssuers } | undefined;
  const hold = (bundle: CaBundle) => {
    held = { bundle, known: knownOf(bundle) };
  };

  /** What was known before a restart, or to another replica, holds here too. */
  const recall = async () => {
    const stored = await storedCaBundle(database);
    if (stored !== null && stored.epoch > (held?.bundle.epoch ?? 0)) hold(stored);
  };

  const poll = async () => {
    await recall();
    const bundle = await ca.request({ method: 'GET', path: '/v1/bundle', schema: CaBundle });
    if (held !== undefined && isDeepStrictEqual(bundle, held.bundle)) return;
    // An older one, or another of the same epoch, could bring a refused issuer back.
    if (held !== undefined && bundle.epoch <= held.bundle.epoch) {
      throw refusal('CA_BUNDLE_OLDER', {
        detail: `The CA gave epoch ${bundle.epoch} after ${held.bundle.epoch}; that one stays.`,
      });
    }
    await storeCaBundle(database, bundle);
    hold(bundle);
  };

  return {
    poll,
    known() {
      if (held === undefined) throw refusal('ISSUERS_UNKNOWN');
      return held.known;
    },
    async keep(signal, onFailure) {
      while (!signal.aborted) {
        const pauseMs = held === undefined ? FIRST_POLL_EVERY_MS : POLL_EVERY_MS;
        await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
        if (!signal.aborted) await poll().catch(onFailure);
      }
    },
  };
}

const knownOf = ({ epoch, anchors, issuers }: CaBundle): KnownIssuers => ({
  epoch,
  anchors,
  issuers: issuers.map(({ keyId, certificate, state }) => ({
    keyId,
    certificate: new X509Certificate(certificate).raw,
    state,
  })),
});
