import assert from 'node:assert/strict';
import { settleAsUntrusted } from '../services/unsettled-evidence.ts';
import type { Mark } from '../store/host.ts';
import { hostById } from '../store/hosts.ts';
import { useFleet } from './support/made-fleet.ts';

describe('Evidence whose verdict could not be stored', () => {
  const fleet = useFleet();

  async function unsettled(markOf: (mark: Mark) => Mark) {
    const { hostId } = await fleet.trustedHost();
    const host = await hostById(fleet.verifier.database, hostId);
    assert.ok(host !== null);
    const error = new TypeError('of our own');
    const now = fleet.verifier.clock.now();
    await settleAsUntrusted(fleet.verifier, { host, mark: markOf(host.mark), now, error });
    return (await fleet.stateOf(hostId)).state;
  }

  it('leaves its host untrusted where it is newer than the mark', async () => {
    const state = await unsettled(({ clock, ...mark }) => ({ ...mark, clock: clock + 1n }));
    assert.equal(state, 'untrusted');
  });

  it('says nothing of a host whose mark has reached it since', async () => {
    assert.equal(await unsettled((mark) => mark), 'trusted');
    const earlier = await unsettled(({ clock, ...mark }) => ({ ...mark, clock: clock - 1n }));
    assert.equal(earlier, 'trusted');
  });
});
