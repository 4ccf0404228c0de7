import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Issuer } from '@touchstone/endorsement';
import { CaBundle } from '@touchstone/schemas';
import { AppError, type Client } from '@touchstone/transport';
import { refusal } from '../codes.ts';

const POLL_EVERY_MS = 60_000;
/** Until the first bundle no evidence is accepted, so the first is asked for more often. */
const FIRST_POLL_EVERY_MS = 1_000;

export type KnownIssuers = {
  readonly epoch: number;
  /** PEM. */
  readonly anchors: readonly string[];
  readonly issuers: readonly Issuer[];
};

/** The CA's flat list of issuers by key id, polled over a connection pinned to the CA's key. */
export type IssuerList = {
  /** @throws AppError ISSUERS_UNKNOWN before the first bundle came. */
  known(): KnownIssuers;
  poll(): Promise<void>;
  keep(signal: AbortSignal, onFailure: (error: unknown) => void): Promise<void>;
};

export function issuerList(ca: Client): IssuerList {
  let held: KnownIssuers | undefined;

  const poll = async () => {
    const bundle = await ca.request({ method: 'GET', path: '/v1/bundle', schema: CaBundle });
    // An older bundle could bring a refused issuer back.
    if (held !== undefined && bundle.epoch < held.epoch) {
      throw new AppError('CA_BUNDLE_OLDER', 502, {
        detail: `The CA gave epoch ${bundle.epoch} after ${held.epoch}; the newer one stays.`,
      });
    }
    held = {
      epoch: bundle.epoch,
      anchors: bundle.anchors,
      issuers: bundle.issuers.map(({ keyId, certificate, state }) => ({
        keyId,
        certificate: new X509Certificate(certificate).raw,
        state,
      })),
    };
  };

  return {
    poll,
    known() {
      if (held === undefined) throw refusal('ISSUERS_UNKNOWN');
      return held;
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
