import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { checkAgainst, TrustBundle } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database, Queryable } from '../store/database.ts';
import {
  bundlesAfter,
  insertBundle,
  newestBundle,
  type StoredBundle,
} from '../store/trust-bundles.ts';
import type { DatabaseClock } from './database-clock.ts';
import type { IssuerList } from './issuers.ts';
import type { SigningKey } from './signing-key.ts';

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
  readonly issuers: Pick<IssuerList, 'known'>;
  readonly settings: {
    readonly publicUrl: string;
    readonly ca: { readonly url: string; readonly pin: string };
  };
  readonly resultKey: Pick<SigningKey, 'jwk'>;
  readonly permitKey: Pick<SigningKey, 'jwk'>;
} & BundleSigners;

export type BundleSigners = {
  readonly bundleKey: SigningKey;
  readonly previousBundleKey?: SigningKey;
};

type Content = Omit<TrustBundle, 'epoch' | 'notAfter'>;

/**
 * Bundles as this process would have them. Each is signed by the key that the one before names, the first by its
 * own. What this process wants said is settled once a start and once an epoch of the CA's list: replicas of two
 * configurations do not take turns for ever.
 */
export function trustBundles(parts: BundleParts): TrustBundles {
  const { database, clock, issuers } = parts;
  let newest: StoredBundle | null = null;
  let settledFor: number | undefined;

  const refresh = async () => {
    newest = await newestBundle(database);
    const { epoch } = issuers.known();
    const held = newest === null ? null : readBundle(newest.jws);
    const ends = held === null ? 0 : Date.parse(held.notAfter);
    const ending = ends - clock.now().getTime() < RENEWED_WITH_LEFT_MS;
    if (settledFor === epoch && !ending) return;
    const content = contentOf(parts);
    if (held === null || ending || !says(held, content)) await publish(parts, held, content);
    newest = await newestBundle(database);
    settledFor = epoch;
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

function contentOf(parts: BundleParts): Content {
  const { settings, issuers, resultKey, permitKey, bundleKey } = parts;
  return {
    schema: 'touchstone/trust-bundle/1',
    issuer: settings.publicUrl,
    ca: { url: settings.ca.url, pin: settings.ca.pin },
    anchors: [...issuers.known().anchors],
    keys: [
      { use: 'result', jwk: resultKey.jwk },
      { use: 'permit', jwk: permitKey.jwk },
    ],
    bundleKey: bundleKey.jwk,
  };
}

function says({ epoch: _epoch, notAfter: _notAfter, ...content }: TrustBundle, wanted: Content) {
  return isDeepStrictEqual(content, wanted);
}

async function publish(
  { database, clock, ...signers }: BundleParts,
  held: TrustBundle | null,
  content: Content,
): Promise<void> {
  const now = clock.now();
  const epoch = (held?.epoch ?? 0) + 1;
  const signed = signBundle(signers, held, { ...content, epoch, notAfter: endFrom(now) });
  await database.transaction((on) => storeBundle(on, signed, now));
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
  const signed = signBundle(signers, held, { ...held, epoch, notAfter: endFrom(now) });
  await storeBundle(on, signed, now);
  return { was: held.epoch, now: epoch };
}

const endFrom = (now: Date): string => new Date(now.getTime() + VALID_MS).toISOString();

type Signed = { readonly bundle: TrustBundle; readonly jws: string; readonly signer: string };

/** @throws AppError BUNDLE_KEY_MISSING */
function signBundle(
  { bundleKey, previousBundleKey }: BundleSigners,
  held: TrustBundle | null,
  bundle: TrustBundle,
): Signed {
  const expected = held?.bundleKey.kid ?? bundleKey.jwk.kid;
  const signer = [bundleKey, previousBundleKey].find((key) => key?.jwk.kid === expected);
  if (signer === undefined) throw refusal('BUNDLE_KEY_MISSING', { detail: `key ${expected}` });
  return { bundle, jws: signer.sign(bundle), signer: expected };
}

async function storeBundle(on: Queryable, { bundle, jws, signer }: Signed, now: Date) {
  const { epoch, notAfter, bundleKey } = bundle;
  if (!(await insertBundle(on, { epoch, jws, createdAt: now }))) return;
  const detail = `key ${bundleKey.kid}, signed by ${signer}, until ${notAfter}`;
  const line = { actor: 'verifier', action: 'trust-bundle.publish', subject: `epoch ${epoch}` };
  await appendAudit(on, { ...line, detail }, now);
}

/** One of our own making, from our own database. */
const readBundle = (jws: string): TrustBundle => checkAgainst(TrustBundle, decodeJwt(jws));
