import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrustBundle } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { HeldEnrolment } from '../state/held-enrolment.ts';
import { readEnrolment, writeEnrolment } from '../state/identity.ts';
import { nextBundle } from '../next-bundle.ts';
import { requireReplacement } from '../replacement-bundle.ts';
import { followBundles } from '../trust-bundle.ts';
import {
  bundleOf,
  makePermitKey,
  type PermitKey,
  signBundle,
  signPermit,
} from './support/permit-keys.ts';
import { bundleKeyCertificate, madeRoot } from '../../test/support/bundle-signer.ts';
import { enrolmentAt } from './support/verifier.ts';

const REFUSED = { code: 'TRUST_BUNDLE_REFUSED' };

describe('A trust bundle after the one that is held', () => {
  let [first, second, other]: PermitKey[] = [];
  let held: TrustBundle;
  const keys = () => {
    assert.ok(first && second && other);
    return { first, second, other };
  };

  before(async () => {
    [first, second, other] = await Promise.all(['b1', 'b2', 'x'].map(makePermitKey));
    held = bundleOf(keys().other, keys().first);
  });

  const after = (changes: Partial<TrustBundle>): TrustBundle => ({ ...held, epoch: 2, ...changes });
  const isRefused = (jws: string, from = held) =>
    assert.rejects(nextBundle(from, jws), { code: 'TRUST_BUNDLE_REFUSED' });

  it('is taken when the key that the held one names has signed it', async () => {
    const next = after({ issuer: 'https://elsewhere', bundleKey: keys().second.jwk });
    assert.deepEqual(await nextBundle(held, await signBundle(next, keys().first)), next);
  });

  it('may name another key for the one after it, and only that key signs that', async () => {
    const next = after({ bundleKey: keys().second.jwk });
    const third = { ...next, epoch: 3 };
    await nextBundle(next, await signBundle(third, keys().second));
    await isRefused(await signBundle(third, keys().first), next);
  });

  it('is refused with the same epoch or a lower one: TRUST_BUNDLE_REFUSED', async () => {
    for (const epoch of [1, 0]) await isRefused(await signBundle(after({ epoch }), keys().first));
  });

  it('is refused when another key has signed it, its own too: TRUST_BUNDLE_REFUSED', async () => {
    await isRefused(await signBundle(after({}), keys().other));
    await isRefused(await signBundle(after({ bundleKey: keys().second.jwk }), keys().second));
  });

  it('is refused as anything but a bundle: TRUST_BUNDLE_REFUSED', async () => {
    await isRefused(await signPermit(after({}), keys().first));
    await isRefused(await signBundle({ ...after({}), more: 1 } as TrustBundle, keys().first));
    for (const junk of ['', 'a.b.c', 'a']) await isRefused(junk);
  });

  describe('by another key, where the one that the held bundle names is lost', () => {
    const day = 86_400_000;
    const now = new Date();
    const root = madeRoot(now);
    const certified = async (
      changes: Partial<TrustBundle> = {},
      made: Parameters<typeof bundleKeyCertificate>[1] = {},
      key = keys().second,
    ) => {
      const x5c = [bundleKeyCertificate(key.jwk, { root, now, ...made }).toString('base64')];
      const bundle = after({ bundleKey: key.jwk, anchors: [root.pem], ...changes });
      return signPermit(bundle, key, { typ: 'touchstone-bundle+jwt', x5c });
    };
    const anchored = () => ({ ...held, anchors: [root.pem] });

    it('is taken when an anchor that is held has certified that key for it', async () => {
      const next = await nextBundle(anchored(), await certified(), now);
      assert.deepEqual(next.bundleKey, keys().second.jwk);
      // The one after it is signed by the new key, and needs no certificate.
      const third = { ...next, epoch: 3 };
      await nextBundle(next, await signBundle(third, keys().second));
    });

    it('is refused by another anchor, whatever the new bundle says: TRUST_BUNDLE_REFUSED', async () => {
      const stranger = madeRoot(now);
      const theirs = await certified({ anchors: [stranger.pem] }, { root: stranger });
      await assert.rejects(nextBundle(anchored(), theirs, now), REFUSED);
      const both = { ...held, anchors: [madeRoot(now).pem, madeRoot(now).pem] };
      await assert.rejects(nextBundle(both, await certified(), now), REFUSED);
    });

    it('is refused by a certificate that has ended, or is for something else', async () => {
      const ended = { notAfter: new Date(+now - 1_000) };
      const early = { notBefore: new Date(+now + day), notAfter: new Date(+now + 2 * day) };
      for (const made of [ended, early, { usage: '2.23.133.8.3' }, { usage: '2.5.29.37.0' }]) {
        await assert.rejects(nextBundle(anchored(), await certified({}, made), now), REFUSED);
      }
    });

    it('is refused when it names another key than the certified one, or has no later epoch', async () => {
      const another = await certified({ bundleKey: keys().other.jwk });
      await assert.rejects(nextBundle(anchored(), another, now), REFUSED);
      const same = await certified({ epoch: held.epoch });
      await assert.rejects(nextBundle(anchored(), same, now), REFUSED);
    });

    it('is refused by a key that was certified once and replaced since, as long as its certificate lasts', async () => {
      const made = { notBefore: new Date(+now - day), notAfter: new Date(+now + day) };
      const stolen = await certified({ epoch: 9 }, made);
      assert.equal((await nextBundle(anchored(), stolen, now)).epoch, 9);
      const since = (at: number) => ({
        ...{ ...anchored(), bundleKey: keys().first.jwk },
        bundleKeyCertified: new Date(at).toISOString(),
      });
      const itsOwn = Math.floor((+now - day) / 1_000) * 1_000;
      await assert.rejects(nextBundle(since(itsOwn), stolen, now), REFUSED);
      await assert.rejects(nextBundle(since(+now), stolen, now), REFUSED);
      await nextBundle(since(itsOwn - 1_000), stolen, now);
    });

    it('is refused with a certificate for another key, with none and with two', async () => {
      const x5cOf = (...list: PermitKey[]) =>
        list.map(({ jwk }) => bundleKeyCertificate(jwk, { root, now }).toString('base64'));
      const bundle = after({ bundleKey: keys().second.jwk, anchors: [root.pem] });
      for (const x5c of [
        x5cOf(keys().other),
        [],
        x5cOf(keys().second, keys().second),
        ['AAAA'],
        ['x'.repeat(9_000)],
      ]) {
        const header = { typ: 'touchstone-bundle+jwt', x5c };
        const jws = await signPermit(bundle, keys().second, header);
        await assert.rejects(nextBundle(anchored(), jws, now), REFUSED);
      }
    });
  });

  it('taken by a person’s word is a later one, or the same; an older one is refused', () => {
    const ofOther = { anchors: ['another'] };
    for (const newAnchor of [false, true]) {
      requireReplacement(held, after({}), newAnchor);
      requireReplacement(held, after(ofOther), newAnchor);
      requireReplacement(held, structuredClone(held), newAnchor);
      for (const epoch of [0, 1]) {
        const older = { ...held, epoch, issuer: 'https://elsewhere' };
        assert.throws(() => requireReplacement(held, older, newAnchor), REFUSED);
        const half = { ...older, anchors: [...held.anchors, 'another'] };
        assert.throws(() => requireReplacement(held, half, newAnchor), REFUSED);
      }
    }
  });

  it('taken by a person’s word starts its epochs again where the anchor is new and they say so', () => {
    const anew = { ...held, epoch: 0, anchors: ['another'] };
    requireReplacement(held, anew, true);
    const rewritten = held.anchors.map((pem) => pem.replaceAll('\n', '\r\n'));
    const same = { ...anew, anchors: rewritten };
    assert.throws(() => requireReplacement(held, same, true), REFUSED);
    assert.throws(() => requireReplacement(held, anew, false), {
      ...REFUSED,
      remedy: /--new-anchor/u,
    });
  });

  describe('as the agent follows them', () => {
    let stateDir: string;
    beforeEach(async () => {
      stateDir = await mkdtemp(join(tmpdir(), 'ts-bundle-'));
    });
    afterEach(() => rm(stateDir, { recursive: true }));

    /** A server that has these to give. */
    const serving = (bundles: readonly (readonly [number, string])[]) =>
      ({
        request: ({ path }: { path: string }) => {
          const from = Number(path.split('/').at(-1));
          const given = bundles.filter(([epoch]) => epoch > from).slice(0, 64);
          return Promise.resolve({ bundles: given.map(([, jws]) => jws) });
        },
        close: async () => undefined,
      }) as unknown as Client;
    const enrolled = () => {
      const verifier = { url: 'https://v', pin: '00'.repeat(32), bundle: held, certificate: CERT };
      const akName = `000b${'00'.repeat(32)}`;
      return new HeldEnrolment(stateDir, enrolmentAt(verifier as never, { akName }));
    };
    const chain = async () => {
      const { first: one, second: two } = keys();
      const e2 = after({ bundleKey: two.jwk });
      const e3 = { ...e2, epoch: 3, notAfter: '2020-01-01T00:00:00Z' };
      const e4 = { ...e2, epoch: 4, bundleKey: one.jwk };
      return [
        [2, await signBundle(e2, one)],
        [3, await signBundle(e3, two)],
        [4, await signBundle(e4, two)],
      ] as const;
    };

    it('it goes from one to the next, however many there are, and keeps the last', async () => {
      const at = enrolled();
      // The one between has ended since; the last has not.
      await followBundles(serving(await chain()), at);
      assert.equal(at.current.trustBundle.epoch, 4);
      assert.equal((await readEnrolment(stateDir))?.trustBundle.epoch, 4);
    });

    it('it takes none that has ended: TRUST_BUNDLE_EXPIRED, and the held one stays', async () => {
      const at = enrolled();
      const [e2, e3] = await chain();
      await writeEnrolment(stateDir, at.current);
      await assert.rejects(followBundles(serving([e2, e3]), at), { code: 'TRUST_BUNDLE_EXPIRED' });
      assert.equal((await readEnrolment(stateDir))?.trustBundle.epoch, 1);
    });
  });
});

const CERT = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
