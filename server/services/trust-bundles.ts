import { X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { checkAgainst, TrustBundle } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { bundleKeyCertificate } from '../store/bundle-key-certificates.ts';
import { storedCaEpoch } from '../store/ca-bundle.ts';
import type { Database, Queryable } from '../store/database.ts';
import { serverKeys } from '../store/server-keys.ts';
import { livePins } from '../store/tls-pins.ts';
import {
  bundlesAfter,
  insertBundle,
  lockBundles,
  newestBundle,
  type StoredBundle,
} from '../store/trust-bundles.ts';
import type { DatabaseClock } from './database-clock.ts';
import type { IssuerList } from './issuers.ts';
import type { SigningKey } from './signing-key.ts';
import { certifies } from './bundle-key.ts';

const DAY_MS = 86_400_000;
const VALID_MS = 365 * DAY_MS;
/** With so much left, agents that were away for long still find one that holds. */
const RENEWED_WITH_LEFT_MS = 180 * DAY_MS;
const LOOK_EVERY_MS = 10_000;
/** Where the clock is no help: more than are ever made between two backups. */
const RESTORED_EPOCHS = 100_000;

/** What agents are to trust, by epoch. */
export type TrustBundles = {
  /** @throws AppError ISSUERS_UNKNOWN while there is none */
  current(): StoredBundle;
  after(epoch: number): Promise<string[]>;
  /** Reads what other replicas made; makes the next one where what it says has changed. */
  refresh(): Promise<void>;
  keep(signal: AbortSignal, onFailure: (error: unknown) => void): Promise<void>;
};

export type BundleParts = {
  readonly database: Database;
  readonly clock: Pick<DatabaseClock, 'now'>;
  readonly issuers: Pick<IssuerList, 'known' | 'recalled'>;
  readonly settings: {
    readonly publicUrl: string;
    readonly ca: { readonly url: string; readonly pin: string };
  };
} & BundleSigners;

export type BundleSigners = {
  readonly bundleKey: SigningKey;
  readonly previousBundleKey?: SigningKey;
};

type Content = Omit<TrustBundle, 'epoch' | 'notAfter'>;

/**
 * Bundles as this process would have them. Each is signed by the key that the one before names, the first by its
 * own. What this process wants said is settled once a start, once an epoch of the CA's list and once a change of the
 * keys in the database: replicas of two configurations do not take turns for ever.
 */
export function trustBundles(parts: BundleParts): TrustBundles {
  const { database, clock, issuers } = parts;
  let newest: StoredBundle | null = null;
  let settledFor: string | undefined;

  const refresh = async () => {
    newest = await newestBundle(database);
    const { epoch } = await issuers.recalled();
    const held = newest === null ? null : readBundle(newest.jws);
    const ending = isEnding(held, clock.now());
    const wanted = JSON.stringify([epoch, await storedContent(database, parts)]);
    if (settledFor === wanted && !ending) return;
    const isSettled = await publish(parts);
    newest = await newestBundle(database);
    if (isSettled) settledFor = wanted;
  };

  return {
    refresh,
    current() {
      if (newest === null) throw refusal('ISSUERS_UNKNOWN');
      return newest;
    },
    after: (epoch) => bundlesAfter(database, epoch),
    async keep(signal, onFailure) {
      while (!signal.aborted) {
        await sleep(newest === null ? 1_000 : LOOK_EVERY_MS, undefined, {
          ...{ signal, ref: false },
        }).catch(() => {});
        if (!signal.aborted) await refresh().catch(onFailure);
      }
    },
  };
}

/** What every replica reads from the database alike. */
async function storedContent(on: Queryable, { settings }: Pick<BundleParts, 'settings'>) {
  const keys = await serverKeys(on);
  return {
    keys: keys
      .filter(({ state }) => state !== 'withdrawn')
      .map(({ use, jwk }): TrustBundle['keys'][number] => ({ use, jwk })),
    server: await livePins(on, 'server'),
    ca: await livePins(on, 'ca', settings.ca.pin),
  };
}

async function contentOf(
  on: Queryable,
  parts: BundleParts,
  held: TrustBundle | null,
): Promise<Content> {
  const { settings, issuers, bundleKey } = parts;
  const { keys, server, ca } = await storedContent(on, parts);
  const [first = settings.ca.pin] = ca;
  const pin = ca.includes(settings.ca.pin) ? settings.ca.pin : first;
  // Agents of versions before TLS pins follow for as long as there is nothing to say of them.
  const changes = server.length > 1 || ca.length > 1 || held?.tls !== undefined;
  return {
    schema: 'touchstone/trust-bundle/1',
    issuer: settings.publicUrl,
    ca: { url: settings.ca.url, pin },
    anchors: [...issuers.known().anchors],
    keys,
    bundleKey: bundleKey.jwk,
    ...(held?.bundleKeyCertified !== undefined && { bundleKeyCertified: held.bundleKeyCertified }),
    ...(changes && server.length > 0 ? { tls: { server, ca: ca.length > 0 ? ca : [pin] } } : {}),
  };
}

const isEnding = (held: TrustBundle | null, now: Date): boolean =>
  (held === null ? 0 : Date.parse(held.notAfter)) - now.getTime() < RENEWED_WITH_LEFT_MS;

function says({ epoch: _epoch, notAfter: _notAfter, ...content }: TrustBundle, wanted: Content) {
  return isDeepStrictEqual(content, wanted);
}

/**
 * One at a time, and of what the database says then: no replica takes back what another has just published, nor an
 * anchor of a list of issuers that it has not seen yet. False: that is to be looked at again.
 */
async function publish(parts: BundleParts): Promise<boolean> {
  const now = parts.clock.now();
  return parts.database.transaction(async (on) => {
    await lockBundles(on);
    if ((await storedCaEpoch(on)) > parts.issuers.known().epoch) return false;
    const newest = await newestBundle(on);
    const held = newest === null ? null : readBundle(newest.jws);
    const content = await contentOf(on, parts, held);
    if (held !== null && !isEnding(held, now) && says(held, content)) return true;
    const bundle = { ...content, epoch: (held?.epoch ?? 0) + 1, notAfter: endFrom(now) };
    const signed = await signBundle(on, parts, { held, bundle, now });
    await storeBundle(on, signed, { newest, now });
    return true;
  });
}

/**
 * The newest bundle's content again, under an epoch above any that was published since a backup was made: what is
 * restored would else give agents epochs that they have seen. The time in seconds is above those of an earlier
 * restore too, as long as bundles are not made once a second.
 * @throws AppError BUNDLE_KEY_MISSING
 */
export async function supersedeBundles(
  on: Queryable,
  signers: BundleSigners,
  now: Date,
): Promise<{ readonly was: number; readonly now: number } | null> {
  const newest = await newestBundle(on);
  if (newest === null) return null;
  const held = readBundle(newest.jws);
  const epoch = Math.max(held.epoch + RESTORED_EPOCHS, Math.floor(now.getTime() / 1_000));
  const bundle = { ...held, epoch, notAfter: endFrom(now) };
  const signed = await signBundle(on, signers, { held, bundle, now });
  await storeBundle(on, signed, { newest, now });
  return { was: held.epoch, now: epoch };
}

const endFrom = (now: Date): string => new Date(now.getTime() + VALID_MS).toISOString();

type Signed = { readonly bundle: TrustBundle; readonly jws: string; readonly signer: string };

/**
 * By the key that the bundle before names. Where that one is lost: by the new one, with the CA's certificate for it.
 * @throws AppError BUNDLE_KEY_MISSING
 */
async function signBundle(
  on: Queryable,
  { bundleKey, previousBundleKey }: BundleSigners,
  { held, bundle, now }: { held: TrustBundle | null; bundle: TrustBundle; now: Date },
): Promise<Signed> {
  const expected = held?.bundleKey.kid ?? bundleKey.jwk.kid;
  const signer = [bundleKey, previousBundleKey].find((key) => key?.jwk.kid === expected);
  if (signer !== undefined) return { bundle, jws: signer.sign(bundle), signer: expected };
  const { kid } = bundleKey.jwk;
  const certificate = await bundleKeyCertificate(on, kid);
  const good =
    certificate !== null && held !== null && certifies(certificate, bundleKey.jwk, held, now);
  if (!good) throw refusal('BUNDLE_KEY_MISSING', { detail: `key ${expected}` });
  const bundleKeyCertified = new X509Certificate(certificate).validFromDate.toISOString();
  const said = { ...bundle, bundleKeyCertified };
  const jws = bundleKey.sign(said, [certificate.toString('base64')]);
  return { bundle: said, jws, signer: `${kid}, certified by the CA's anchor` };
}

async function storeBundle(
  on: Queryable,
  { bundle, jws, signer }: Signed,
  { newest, now }: { readonly newest: StoredBundle | null; readonly now: Date },
) {
  const { epoch, notAfter, bundleKey, anchors } = bundle;
  const known = newest === null ? [] : readBundle(newest.jws).anchors;
  const bringsNone = anchors.every((anchor) => known.includes(anchor));
  const anchorsSince = newest !== null && bringsNone ? newest.anchorsSince : epoch;
  if (!(await insertBundle(on, { epoch, jws, createdAt: now, anchorsSince }))) return;
  const detail = `key ${bundleKey.kid}, signed by ${signer}, until ${notAfter}`;
  const line = { actor: 'verifier', action: 'trust-bundle.publish', subject: `epoch ${epoch}` };
  await appendAudit(on, { ...line, detail }, now);
}

/** One of our own making, from our own database. */
const readBundle = (jws: string): TrustBundle => checkAgainst(TrustBundle, decodeJwt(jws));
