import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AkCertificate,
  crlKeyOf,
  type HeldRevocationList,
  parseRevocationList,
  type Revocation,
  type RevocationList,
} from '@touchstone/endorsement';
import { CrlIndex, type CrlIndexEntry } from '@touchstone/schemas';
import { type ByteClient, ProblemError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import type { Queryable } from '../store/database.ts';
import {
  forgetListsOfOthers,
  isIndexKnown,
  revocationListsSince,
  storeIndex,
  storeRevocationList,
} from '../store/revocation-lists.ts';
import type { IssuerList } from './issuers.ts';
import { newRevocationList } from './new-revocation-list.ts';
import { type SharedPoll, sharedPoll } from './shared-poll.ts';

const POLL_EVERY_MS = 10_000;
/** While it is not known whether there are lists at all. */
const FIRST_POLL_EVERY_MS = 1_000;
const LIST_MAX_BYTES = 262_144;

/**
 * The CA's revocation lists, polled over the pinned connection, verified, and kept: the last good one of each place. A
 * poll throws the first failure, when all the others were fetched.
 */
export type RevocationLists = SharedPoll & {
  /**
   * Undefined where this CA was never known to give lists: its version is an older one.
   * @throws AppError CRLS_UNKNOWN while that is not known either
   */
  known(): Revocation | undefined;
  /** Until the signal aborts; `then` is told after each poll what it failed by, if it did. */
  keep(signal: AbortSignal, then: (failure: unknown) => Promise<void>): Promise<void>;
};

type Held = { readonly list: RevocationList; readonly sha256: string };

export function revocationLists(parts: {
  readonly ca: ByteClient;
  readonly database: Queryable;
  readonly issuers: Pick<IssuerList, 'known' | 'pollSoon'>;
  readonly now: () => Date;
  readonly graceSeconds: number;
}): RevocationLists {
  const { ca, database, issuers, now, graceSeconds } = parts;
  const held = new Map<string, Held>();
  const lists = new Map<string, HeldRevocationList>();
  const revocation: Revocation = { lists, graceSeconds };
  /** Whether this CA gives lists; undefined while nobody knows. */
  let given: boolean | undefined;
  let since = new Date(0);
  let epoch = 0;

  const hold = (list: RevocationList) => {
    const { number, nextUpdate, revoked } = list;
    const { key, url } = list.place;
    if ((held.get(key)?.list.number ?? -1n) >= number) return;
    held.set(key, { list, sha256: createHash('sha256').update(list.der).digest('hex') });
    lists.set(key, { url, number, nextUpdate, revoked });
  };

  /** What was verified before a restart, or by another replica. */
  const recall = async () => {
    if (given !== true && (await isIndexKnown(database))) given = true;
    for (const { der, storedAt } of await revocationListsSince(database, since)) {
      hold(parseRevocationList(der));
      if (storedAt > since) since = storedAt;
    }
  };

  const fetchList = async (entry: CrlIndexEntry, timeoutMs?: number) => {
    const key = keyOf(entry);
    const known = held.get(key);
    if (known?.sha256 === entry.sha256) return;
    const der = await ca.bytes({
      path: `/v1/crls/${key}`,
      maxBytes: LIST_MAX_BYTES,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    const expected = { key, issuers: issuers.known().issuers, held: known?.list, now: now() };
    const list = newRevocationList(der, expected);
    await storeRevocationList(database, list);
    hold(list);
  };

  const ask = async (timeoutMs?: number) => {
    await recall();
    const index = await askIndex(ca, timeoutMs);
    if (index === undefined) {
      given ??= false;
      if (given) throw refusal('CRL_NOT_FETCHED', { detail: 'The CA says that it gives none.' });
      return;
    }
    const listed = issuers.known().issuers.map(({ keyId }) => keyId);
    // An issuer that is new here has begun to issue since the bundle came.
    if (!index.lists.every(({ issuerKeyId }) => listed.includes(issuerKeyId))) {
      await issuers.pollSoon();
    }
    let failure: { readonly error: unknown } | undefined;
    // Those that nobody has yet are waited for.
    const first = index.lists.toSorted(
      (a, b) => Number(held.has(keyOf(a))) - Number(held.has(keyOf(b))),
    );
    for (const entry of first) {
      await fetchList(entry, timeoutMs).catch((error: unknown) => {
        failure ??= { error };
      });
    }
    await storeIndex(database, index.lists.map(keyOf));
    given = true;
    await forgetOthers();
    if (failure !== undefined) throw failure.error;
  };

  const forgetOthers = async () => {
    const known = issuers.known();
    if (known.epoch === epoch) return;
    await forgetListsOfOthers(
      database,
      known.issuers.map(({ keyId }) => keyId),
    );
    epoch = known.epoch;
  };

  const polls = sharedPoll(ask);

  return {
    ...polls,
    known() {
      if (given === undefined) throw refusal('CRLS_UNKNOWN');
      return given ? revocation : undefined;
    },
    async keep(signal, then) {
      while (!signal.aborted) {
        const pauseMs = given === undefined ? FIRST_POLL_EVERY_MS : POLL_EVERY_MS;
        await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
        if (signal.aborted) return;
        const failure = await polls.poll().then(
          () => undefined,
          (error: unknown) => error,
        );
        await then(failure);
      }
    },
  };
}

/** What a certificate is held against: where its list is not known the CA is asked once, and only then nobody knows. */
export async function revocationFor(
  lists: Pick<RevocationLists, 'known' | 'pollSoon'>,
  { crl }: AkCertificate,
): Promise<Revocation | undefined> {
  const known = lists.known();
  if (known === undefined || known.lists.get(crl.key)?.url === crl.url) return known;
  await lists.pollSoon();
  return lists.known();
}

const keyOf = ({ issuerKeyId, partition }: CrlIndexEntry): string =>
  crlKeyOf(issuerKeyId, partition);

/** Undefined from a CA of before there were lists. */
async function askIndex(ca: ByteClient, timeoutMs?: number): Promise<CrlIndex | undefined> {
  try {
    return await ca.request({
      ...{ method: 'GET', path: '/v1/crls', schema: CrlIndex },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
