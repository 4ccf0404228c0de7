import assert from 'node:assert/strict';
import { type FixedServer, startFixedServer } from './support/fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './support/operator.ts';
import { API_TOKEN, JOIN_TOKEN, SESSION } from './support/records.ts';

describe('touchstone token revoke', () => {
  let server: FixedServer;
  let operator: Operator;
  const id = API_TOKEN.id;
  const child = { ...API_TOKEN, id: '00000000-0000-4000-8000-777777777777', name: 'child' };
  const made = { tokens: [child], joinTokens: [JOIN_TOKEN] };
  const none = { tokens: [], joinTokens: [] };
  const alone = `Token ${id} of ${API_TOKEN.name} is revoked.\n`;

  before(async () => {
    server = await startFixedServer();
  });
  beforeEach(async () => {
    operator = newOperator();
    server.reset();
    server.answer('GET /v1/session', SESSION);
    const where = ['--server', server.url, '--fingerprint', server.pin, '--token-file', '-'];
    await operator.run(['login', ...where], { input: TOKEN });
    server.answer(`DELETE /v1/tokens/${id}`, API_TOKEN);
  });
  afterEach(() => operator.leave());
  after(() => server.close());

  it('names what the token made and still holds, and how to revoke that', async () => {
    server.answer(`GET /v1/tokens/${id}/made`, made);
    const { exit, out, err } = await operator.run(['token', 'revoke', id]);
    assert.equal(exit, 0);
    assert.ok(
      out.startsWith(`${alone}It made, and they still hold:\n  token ${child.id} of child`),
    );
    assert.match(out, new RegExp(`\n  join token ${JOIN_TOKEN.id}: \\d+ hosts?`, 'u'));
    assert.match(err, new RegExp(`touchstone token revoke ${id} --with-created`, 'u'));
  });

  it('says no more of one that made nothing', async () => {
    server.answer(`GET /v1/tokens/${id}/made`, none);
    const { out, err } = await operator.run(['token', 'revoke', id]);
    assert.equal(out, alone);
    assert.doesNotMatch(err, /--with-created/u);
  });

  it('revokes it though nobody can tell what it made, and says so', async () => {
    server.refuse(`GET /v1/tokens/${id}/made`, 503, 'DATABASE_UNAVAILABLE');
    const { exit, out } = await operator.run(['token', 'revoke', id]);
    assert.equal(exit, 0);
    assert.match(out, /is revoked\.\nWhat it made could not be read/u);
  });

  it('--with-created asks for all of them at once', async () => {
    server.answer(`DELETE /v1/tokens/${id}/made`, { record: API_TOKEN, ...made });
    const { exit, out } = await operator.run(['token', 'revoke', id, '--with-created']);
    assert.equal(exit, 0);
    assert.match(out, /It made, and revoked as well:\n {2}token/u);
    const { out: json } = await operator.run(['token', 'revoke', id, '--with-created', '--json']);
    const created = { ...made, revoked: true };
    assert.deepEqual(JSON.parse(json), { ...API_TOKEN, created });
  });
});
