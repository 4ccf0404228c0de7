import assert from 'node:assert/strict';
import type { CaBundle } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { issuersFor } from '../services/issuer-standing.ts';
import { issuerList } from '../services/issuers.ts';
import { ISSUER, ISSUER_PEM } from './support/made-authority.ts';
import { useFleet } from './support/made-fleet.ts';

describe('The list of issuers', () => {
  const fleet = useFleet();
  beforeEach(() => fleet.verifier.asAdministrator('DELETE FROM ca_bundle'));
  let answer: CaBundle | Error;
  const ca: Client = {
    request: () =>
      answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as never),
    close: async () => {},
  };
  const bundle = (epoch: number, state: 'active' | 'refused'): CaBundle => ({
    schema: 'touchstone/ca-bundle/1',
    epoch,
    anchors: [ISSUER_PEM],
    issuers: [{ keyId: ISSUER.keyId, certificate: ISSUER_PEM, state }],
  });
  const newList = () => issuerList(ca, fleet.verifier.database);
  const stateIn = (list: ReturnType<typeof issuerList>) => list.known().issuers[0]?.state;

  it('knows nobody before the first bundle: ISSUERS_UNKNOWN', () => {
    assert.throws(() => newList().known(), { code: 'ISSUERS_UNKNOWN' });
  });

  it('does not take a refused issuer back by an older bundle: CA_BUNDLE_OLDER', async () => {
    const list = newList();
    answer = bundle(2, 'refused');
    await list.poll();
    answer = bundle(1, 'active');
    await assert.rejects(list.poll(), { code: 'CA_BUNDLE_OLDER' });
    assert.equal(stateIn(list), 'refused');
  });

  it('takes an issuer whose key was stolen back by no bundle at all, nor by leaving it out for a while', async () => {
    const list = newList();
    const stolen = bundle(2, 'refused');
    stolen.issuers = stolen.issuers.map((one) => ({ ...one, reason: 'compromised' as const }));
    const other = { ...bundle(3, 'active'), issuers: [{ ...bundle(3, 'active').issuers[0]! }] };
    other.issuers = other.issuers.map((one) => ({ ...one, keyId: 'ab'.repeat(20) }));
    const entryOf = (known: ReturnType<typeof newList>) =>
      known.known().issuers.find(({ keyId }) => keyId === ISSUER.keyId);
    for (answer of [stolen, bundle(3, 'active'), { ...other, epoch: 4 }, bundle(5, 'active')]) {
      await list.poll();
      // Asked once more, it is the same list and no older one.
      await list.poll();
      for (const known of [list, newList()]) {
        await known.recalled();
        assert.deepEqual(
          [entryOf(known)?.state, entryOf(known)?.reason],
          ['refused', 'compromised'],
        );
      }
    }
    // What was retired may come back with a CA that was restored: nobody has stolen it.
    const before = newList();
    await fleet.verifier.asAdministrator('DELETE FROM ca_bundle');
    answer = bundle(2, 'refused');
    await before.poll();
    answer = bundle(3, 'active');
    await before.poll();
    assert.equal(stateIn(before), 'active');
  });

  it('asks the CA at once for an issuer that it does not know, once for all who wait', async () => {
    let asked = 0;
    const counting: Client = {
      request: async (options) => ((asked += 1), ca.request(options)),
      close: async () => {},
    };
    const list = issuerList(counting, fleet.verifier.database);
    answer = bundle(2, 'active');
    await list.poll();
    answer = bundle(3, 'refused');
    await issuersFor({ issuers: list }, ISSUER.keyId);
    assert.deepEqual([asked, stateIn(list)], [1, 'active']);
    const unknown = 'ab'.repeat(20);
    await Promise.all(Array.from({ length: 20 }, () => issuersFor({ issuers: list }, unknown)));
    assert.deepEqual([asked, stateIn(list)], [2, 'refused']);
    answer = new Error('away');
    const { epoch } = await issuersFor({ issuers: list }, unknown);
    assert.deepEqual([asked, epoch], [3, 3]);
  });

  it('is kept though somebody asks all the time, and what follows a poll follows', async () => {
    const list = newList();
    answer = { ...bundle(2, 'active'), anchors: [ISSUER_PEM, ISSUER_PEM] };
    await list.poll();
    const stop = new AbortController();
    let followed = 0;
    const kept = list.keep(
      stop.signal,
      () => {},
      async () => {
        followed += 1;
        if (followed === 3) stop.abort();
        return false;
      },
    );
    const asking = (async () => {
      while (!stop.signal.aborted) await list.pollSoon();
    })();
    await Promise.all([kept, asking]);
    assert.equal(followed, 3);
  });

  it('is what another replica was told, when that is newer', async () => {
    const [one, other] = [newList(), newList()];
    answer = bundle(2, 'active');
    await Promise.all([one.poll(), other.poll()]);
    answer = bundle(3, 'refused');
    await one.poll();
    assert.equal(stateIn(other), 'active');
    await other.recalled();
    assert.equal(stateIn(other), 'refused');
  });

  it('remembers since when an issuer is refused', async () => {
    const list = newList();
    answer = bundle(2, 'refused');
    await list.poll();
    const since = list.known().refusedSince?.get(ISSUER.keyId);
    answer = bundle(3, 'refused');
    await list.poll();
    assert.ok(since !== undefined && list.known().epoch === 3);
    assert.deepEqual(list.known().refusedSince?.get(ISSUER.keyId), since);
  });

  it('is what it was while the CA is away', async () => {
    const list = newList();
    answer = bundle(2, 'refused');
    await list.poll();
    answer = new Error('away');
    await assert.rejects(list.poll());
    assert.equal(stateIn(list), 'refused');
    answer = bundle(3, 'active');
    await list.poll();
    assert.equal(stateIn(list), 'active');
  });

  it('outlives a restart, with the CA away', async () => {
    answer = bundle(3, 'refused');
    await newList().poll();
    answer = new Error('away');
    const restarted = newList();
    await assert.rejects(restarted.poll(), { message: 'away' });
    assert.equal(stateIn(restarted), 'refused');
  });

  it('goes back for nobody after a restart, nor to another of the same epoch: CA_BUNDLE_OLDER', async () => {
    answer = bundle(3, 'refused');
    await newList().poll();
    for (const epoch of [2, 3]) {
      answer = bundle(epoch, 'active');
      const restarted = newList();
      await assert.rejects(restarted.poll(), { code: 'CA_BUNDLE_OLDER' });
      assert.equal(stateIn(restarted), 'refused');
    }
  });
});
