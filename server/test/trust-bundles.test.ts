import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import type { TrustBundle } from '@touchstone/schemas';
import { type SigningKey, signingKey } from '../services/signing-key.ts';
import { type BundleParts, trustBundles } from '../services/trust-bundles.ts';
import { takeBundleKeyCertificate, viewKeys } from '../services/view-keys.ts';
import { makeNext } from '../services/turn-keys.ts';
import { monthOf } from '../store/day.ts';
import { serverKeys } from '../store/server-keys.ts';
import { bundleKeyCertificate, madeRoot } from '../../test/support/bundle-signer.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

const newKey = (): Promise<SigningKey> => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return signingKey(pem, 'touchstone-bundle+jwt');
};

describe('Trust bundles', () => {
  const fleet = useFleet();
  let parts: BundleParts;

  beforeEach(async () => {
    await fleet.verifier.asAdministrator('DELETE FROM trust_bundles');
    await fleet.verifier.asAdministrator("DELETE FROM server_keys WHERE state = 'next'");
    parts = { ...fleet.verifier, bundleKey: await newKey() };
  });
  const nextPermitKey = async () => {
    await fleet.verifier.asAdministrator("DELETE FROM server_keys WHERE state = 'next'");
    const { database } = fleet.verifier;
    const made = { use: 'permit', now: new Date(), by: 'test', detail: '' } as const;
    assert.equal(await makeNext(fleet.verifier, database, made), true);
    return (await serverKeys(database)).find(({ state }) => state === 'next')?.kid;
  };
  const readLast = (jws: readonly string[]) => decodeJwt<TrustBundle>(jws.at(-1) ?? '');
  const signedBy = async (jws: string, { jwk }: SigningKey) => {
    const { protectedHeader } = await compactVerify(jws, await importJWK(jwk, 'ES256'));
    assert.equal(protectedHeader.typ, 'touchstone-bundle+jwt');
  };

  it('begin with epoch 1, signed by the key that it names; a restart makes no other', async () => {
    const bundles = trustBundles(parts);
    await bundles.refresh();
    await trustBundles(parts).refresh();
    const all = await bundles.after(0);
    assert.equal(all.length, 1);
    assert.equal(readLast(all).epoch, 1);
    assert.deepEqual(readLast(all).bundleKey, parts.bundleKey.jwk);
    await signedBy(bundles.current().jws, parts.bundleKey);
  });

  it('go on with the next epoch when a key changes, signed by the bundle key before', async () => {
    await trustBundles(parts).refresh();
    const kid = await nextPermitKey();
    const next = trustBundles(parts);
    await next.refresh();
    const [jws = ''] = await next.after(1);
    assert.equal(readLast([jws]).epoch, 2);
    assert.equal(readLast([jws]).keys.at(-1)?.jwk.kid, kid);
    await signedBy(jws, parts.bundleKey);
  });

  it('name a new bundle key in one that the old one signs: BUNDLE_KEY_MISSING without it', async () => {
    await trustBundles(parts).refresh();
    const bundleKey = await newKey();
    const alone = trustBundles({ ...parts, bundleKey });
    await assert.rejects(alone.refresh(), { code: 'BUNDLE_KEY_MISSING' });
    assert.equal(alone.current().epoch, 1);
    const both = trustBundles({ ...parts, bundleKey, previousBundleKey: parts.bundleKey });
    await both.refresh();
    await signedBy(both.current().jws, parts.bundleKey);
    assert.deepEqual(readLast([both.current().jws]).bundleKey, bundleKey.jwk);
    await nextPermitKey();
    const later = trustBundles({ ...parts, bundleKey });
    await later.refresh();
    await signedBy(later.current().jws, bundleKey);
  });

  it('go on by a new key where the old one is lost, with the word of the CA for it', async () => {
    const now = new Date();
    const root = madeRoot(now);
    const issuers = {
      ...fleet.verifier.issuers,
      known: () => ({ ...fleet.verifier.issuers.known(), anchors: [root.pem] }),
    };
    await trustBundles({ ...parts, issuers }).refresh();
    const bundleKey = await newKey();
    const bundles = trustBundles({ ...parts, issuers, bundleKey });
    await assert.rejects(bundles.refresh(), { code: 'BUNDLE_KEY_MISSING' });
    const verifier = { ...fleet.verifier, bundleKey, bundles };
    const certificate = (by = root, { jwk } = bundleKey) => ({
      certificate: new X509Certificate(bundleKeyCertificate(jwk, { root: by, now })).toString(),
    });
    await assert.rejects(takeBundleKeyCertificate(verifier, BY, certificate(madeRoot(now))), {
      code: 'BUNDLE_KEY_NOT_CERTIFIED',
    });
    const other = certificate(root, await newKey());
    await assert.rejects(takeBundleKeyCertificate(verifier, BY, other), {
      code: 'BUNDLE_KEY_NOT_CERTIFIED',
    });
    assert.equal((await viewKeys(verifier)).bundleKey.signs, false);
    const keys = await takeBundleKeyCertificate(verifier, BY, certificate());
    assert.deepEqual([keys.bundleEpoch, keys.bundleKey.signs], [2, true]);
    const { jws } = bundles.current();
    assert.equal(decodeProtectedHeader(jws).x5c?.length, 1);
    await signedBy(jws, bundleKey);
    await assert.rejects(takeBundleKeyCertificate(verifier, BY, certificate()), {
      code: 'BUNDLE_KEY_NOT_LOST',
    });
    await nextPermitKey();
    await bundles.refresh();
    assert.equal(decodeProtectedHeader(bundles.current().jws).x5c, undefined);
    // Whoever follows takes that certificate from nobody again, nor an older one.
    const certifiedAt = new X509Certificate(certificate().certificate).validFromDate.toISOString();
    for (const said of [jws, bundles.current().jws]) {
      assert.equal(readLast([said]).bundleKeyCertified, certifiedAt);
    }
    const third = await newKey();
    const again = trustBundles({ ...parts, issuers, bundleKey: third });
    await assert.rejects(again.refresh(), { code: 'BUNDLE_KEY_MISSING' });
    const early = certificate(root, third);
    const by = { ...fleet.verifier, bundleKey: third, bundles: again };
    const refused = { code: 'BUNDLE_KEY_NOT_CERTIFIED' };
    await assert.rejects(takeBundleKeyCertificate(by, BY, early), refused);
  });

  it('have one bundle an epoch, of ten replicas at once', async () => {
    const replicas = Array.from({ length: 10 }, () => trustBundles(parts));
    await Promise.all(replicas.map((replica) => replica.refresh()));
    assert.equal((await trustBundles(parts).after(0)).length, 1);
    assert.equal(new Set(replicas.map((replica) => replica.current().jws)).size, 1);
  });

  it('are renewed with half a year left', async () => {
    const now = (days: number) => () => new Date(Date.now() + days * 86_400_000);
    await trustBundles(parts).refresh();
    const later = (days: number) => trustBundles({ ...parts, clock: { now: now(days) } });
    // The database lives today; the audit log of that time has no place in it yet.
    const month = monthOf(now(186)());
    await fleet.verifier.asAdministrator("SELECT make_partition('audit', $1::date)", [month]);
    await later(180).refresh();
    assert.equal((await later(0).after(1)).length, 0);
    await later(186).refresh();
    assert.equal((await later(0).after(1)).length, 1);
  });
});

describe('The epoch in a statement', () => {
  const fleet = useFleet();
  const { attest, alerts } = fleet;
  const epochOf = async (hostId: string) =>
    (
      await fleet.verifier.asAdministrator(
        'SELECT bundle_epoch::int AS epoch FROM hosts WHERE id = $1',
        [hostId],
      )
    )[0]?.['epoch'];
  const newEpoch = async (createdAt: string) => {
    await fleet.verifier.asAdministrator(
      `INSERT INTO trust_bundles SELECT max(epoch) + 1, max(jws), now() - $1::interval
         FROM trust_bundles`,
      [createdAt],
    );
    await fleet.verifier.bundles.refresh();
    return fleet.verifier.bundles.current().epoch;
  };

  it('acknowledges a bundle, and only one that there is: BUNDLE_EPOCH_UNKNOWN', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const epoch = await newEpoch('1 second');
    host.boot.bundleEpoch = epoch + 1;
    await assert.rejects(attest(host, hostId), { code: 'BUNDLE_EPOCH_UNKNOWN' });
    host.boot.bundleEpoch = epoch;
    await attest(host, hostId);
    assert.equal(await epochOf(hostId), epoch);
    const stranger = makeHost();
    stranger.boot.bundleEpoch = epoch + 1;
    await assert.rejects(fleet.enrol(stranger, fleet.newName()), { code: 'BUNDLE_EPOCH_UNKNOWN' });
  });

  it('raises an alert when it falls, and when it stays behind for ten minutes', async () => {
    const { host, hostId, name } = await fleet.trustedHost();
    host.boot.bundleEpoch = await newEpoch('1 second');
    await attest(host, hostId);
    assert.equal(await alerts('BUNDLE_EPOCH_OLD', name), undefined);
    host.boot.bundleEpoch -= 1;
    assert.equal((await attest(host, hostId)).state, 'trusted');
    assert.equal(await alerts('BUNDLE_EPOCH_FELL', name), 1);
    assert.equal(await alerts('BUNDLE_EPOCH_OLD', name), undefined);
    await newEpoch('11 minutes');
    await attest(host, hostId);
    assert.equal(await alerts('BUNDLE_EPOCH_OLD', name), 1);
  });
});
