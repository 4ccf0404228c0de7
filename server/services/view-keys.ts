import { X509Certificate } from 'node:crypto';
import { decodeJwt } from 'jose';
import {
  type BundleKeyCertificate,
  checkAgainst,
  type KeyUse,
  type ServerKeys,
  TrustBundle,
} from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { storeBundleKeyCertificate } from '../store/bundle-key-certificates.ts';
import { lockServerKeys, type ServerKey, serverKeys } from '../store/server-keys.ts';
import { livePins } from '../store/tls-pins.ts';
import { hostsBehind } from './acknowledged.ts';
import { certifies } from './bundle-key.ts';
import { firstEpochOf } from './bundle-history.ts';
import { makeNext, turnKeys } from './turn-keys.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

const DAY_MS = 86_400_000;
/** Of those that were withdrawn, as many as anybody looks at. */
const MAX_SHOWN = 64;

/** The keys that trust bundles carry, and who does not know the newest bundle. */
export async function viewKeys(verifier: Verifier): Promise<ServerKeys> {
  const { database, clock, bundles, bundleKey, settings } = verifier;
  const held = checkAgainst(TrustBundle, decodeJwt(bundles.current().jws));
  const now = clock.now();
  const all = (await serverKeys(database)).slice(-MAX_SHOWN);
  const keys = await Promise.all(all.map((key) => shownKey(verifier, key)));
  const behind = await hostsBehind(database, held.epoch, { now, ...settings });
  const server = await livePins(database, 'server');
  const ca = await livePins(database, 'ca', settings.ca.pin);
  return {
    rotationDays: settings.signingKeyDays,
    bundleEpoch: held.epoch,
    keys,
    tls: { server, ca: ca.length > 0 ? ca : [settings.ca.pin] },
    bundleKey: {
      named: held.bundleKey,
      held: bundleKey.jwk,
      signs: held.bundleKey.kid === bundleKey.jwk.kid,
    },
    behind: { count: behind.count, named: [...behind.named] },
  };
}

async function shownKey({ database, settings }: Verifier, key: ServerKey) {
  const { use, kid, state, madeAt, activeAt, retiredAt, leavesAt } = key;
  const first =
    state === 'withdrawn'
      ? null
      : await firstEpochOf(database, ({ keys }) =>
          keys.some(({ use: of, jwk }) => of === use && jwk.kid === kid),
        );
  const due =
    state === 'active' && activeAt !== null
      ? new Date(activeAt.getTime() + settings.signingKeyDays * DAY_MS)
      : leavesAt;
  const text = (time: Date | null) => time?.toISOString() ?? null;
  return {
    ...{ use, kid, state, madeAt: madeAt.toISOString(), epoch: first?.epoch ?? null },
    ...{ activeAt: text(activeAt), retiredAt: text(retiredAt), until: text(due) },
  };
}

/**
 * Makes the next key now. It signs once hosts know it, as always.
 * @throws AppError KEY_ROTATION_RUNS
 */
export async function rotateKey(
  verifier: Verifier,
  by: Actor,
  { use, reason }: { readonly use: KeyUse; readonly reason: string },
): Promise<ServerKeys> {
  const now = verifier.clock.now();
  const made = await verifier.database.transaction(async (on) => {
    await lockServerKeys(on);
    return makeNext(verifier, on, { use, now, by: auditActor(by), detail: reason });
  });
  if (!made) throw refusal('KEY_ROTATION_RUNS', { detail: `of the ${use} key` });
  await turnKeys(verifier);
  return viewKeys(verifier);
}

/**
 * Takes the CA's certificate for the bundle key that this server holds, where the one that the newest bundle names is
 * lost, and publishes the bundle that says so.
 * @throws AppError BUNDLE_KEY_NOT_LOST, BUNDLE_KEY_NOT_CERTIFIED
 */
export async function takeBundleKeyCertificate(
  verifier: Verifier,
  by: Actor,
  { certificate: pem }: BundleKeyCertificate,
): Promise<ServerKeys> {
  const { database, clock, bundles, bundleKey } = verifier;
  const now = clock.now();
  const { kid } = bundleKey.jwk;
  const held = checkAgainst(TrustBundle, decodeJwt(bundles.current().jws));
  if (held.bundleKey.kid === kid) throw refusal('BUNDLE_KEY_NOT_LOST', { detail: `key ${kid}` });
  const certificate = derOf(pem);
  if (certificate === null || !certifies(certificate, bundleKey.jwk, held, now)) {
    throw refusal('BUNDLE_KEY_NOT_CERTIFIED', { detail: `key ${kid}` });
  }
  await database.transaction(async (on) => {
    await storeBundleKeyCertificate(on, { kid, certificate, now });
    const detail = `in place of ${held.bundleKey.kid}`;
    const line = { actor: auditActor(by), action: 'bundle-key.replace', subject: kid, detail };
    await appendAudit(on, line, now);
  });
  await bundles.refresh();
  return viewKeys(verifier);
}

function derOf(pem: string): Buffer | null {
  try {
    return new X509Certificate(pem).raw;
  } catch {
    return null;
  }
}
