import assert from 'node:assert/strict';
import { useLoggedIn } from './support/logged-in.ts';
import { hostSummary } from './support/records.ts';

describe('touchstone, in front of a list with several pages', () => {
  const stage = useLoggedIn();

  it('reads them to the end', async () => {
    const [one, two] = [hostSummary('one', 'trusted'), hostSummary('two', 'trusted')];
    stage.server.answer('GET /v1/hosts', { hosts: [one], nextCursor: 'WzFd' });
    stage.server.answer('GET /v1/hosts?cursor=WzFd', { hosts: [two] });
    const { out, exit } = await stage.operator.run(['host', 'list', '--json']);
    assert.equal(exit, 0);
    const { hosts } = JSON.parse(out) as { hosts: { name: string }[] };
    assert.deepEqual(
      hosts.map(({ name }) => name),
      ['one', 'two'],
    );
  });

  it('does not go on for ever: LIST_TOO_LONG', async () => {
    stage.server.answer('GET /v1/vm-standings', { vms: [] });
    stage.server.answer('GET /v1/vms', { vms: [], nextCursor: 'WzFd' });
    stage.server.answer('GET /v1/vms?cursor=WzFd', { vms: [], nextCursor: 'WzFd' });
    const { err, exit } = await stage.operator.run(['vm', 'list', '--json']);
    assert.equal(exit, 65);
    assert.match(err, /LIST_TOO_LONG/u);
  });
});
