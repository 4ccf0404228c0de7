import assert from 'node:assert/strict';
import { type FixedServer, startFixedServer } from './support/fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './support/operator.ts';
import { hostSummary, SESSION } from './support/records.ts';

describe('touchstone, in front of a list with several pages', () => {
  let server: FixedServer;
  let operator: Operator;

  before(async () => {
    server = await startFixedServer();
  });
  after(() => server.close());
  beforeEach(async () => {
    operator = newOperator();
    server.reset();
    server.answer('GET /v1/session', SESSION);
    await operator.run(
      ['login', '--server', server.url, '--fingerprint', server.pin, '--token-file', '-'],
      { input: TOKEN },
    );
  });
  afterEach(() => operator.leave());

  it('reads them to the end', async () => {
    const [one, two] = [hostSummary('one', 'trusted'), hostSummary('two', 'trusted')];
    server.answer('GET /v1/hosts', { hosts: [one], nextCursor: 'WzFd' });
    server.answer('GET /v1/hosts?cursor=WzFd', { hosts: [two] });
    const { out, exit } = await operator.run(['host', 'list', '--json']);
    assert.equal(exit, 0);
    const { hosts } = JSON.parse(out) as { hosts: { name: string }[] };
    assert.deepEqual(
      hosts.map(({ name }) => name),
      ['one', 'two'],
    );
  });

  it('does not go on for ever: LIST_TOO_LONG', async () => {
    server.answer('GET /v1/vms', { vms: [], nextCursor: 'WzFd' });
    server.answer('GET /v1/vms?cursor=WzFd', { vms: [], nextCursor: 'WzFd' });
    const { err, exit } = await operator.run(['vm', 'list', '--json']);
    assert.equal(exit, 65);
    assert.match(err, /LIST_TOO_LONG/u);
  });
});
