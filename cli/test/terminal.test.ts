import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type FixedServer, startFixedServer } from './support/fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './support/operator.ts';
import { AUDIT_ENTRY, baselineRecord, SESSION } from './support/records.ts';

// Everything that moves a terminal's cursor, colours it, answers for it, or turns its text round.
const DRIVES_A_TERMINAL =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
const TURNED = 'safe\u202egnidaelsim\u2066';

describe('a terminal that shows what a server says', () => {
  let server: FixedServer;
  let operator: Operator;

  before(async () => {
    server = await startFixedServer();
    operator = newOperator();
    server.answer('GET /v1/session', SESSION);
    await operator.run(
      ['login', '--server', server.url, '--fingerprint', server.pin, '--token-file', '-'],
      { input: TOKEN },
    );
  });
  after(async () => {
    operator.leave();
    await server.close();
  });

  const dumb = { tty: true, env: { NO_COLOR: '1' } };

  it('is not driven by the text of a baseline, which may hold anything', async () => {
    const yaml = 'name: \u001b]0;owned\u0007x\u001b[2J\r\u009b31m\nnext: line\n';
    const baselines = [baselineRecord('draft', 1, yaml)];
    server.answer('GET /v1/baselines?name=attic-hosts', { baselines });
    const argv = ['baseline', 'show', 'attic-hosts'];
    const { out } = await operator.run(argv, dumb);
    assert.doesNotMatch(out, DRIVES_A_TERMINAL);
    assert.match(out, /\nnext: line\n/u);
    const json = (await operator.run([...argv, '--json'], dumb)).out;
    assert.doesNotMatch(json, DRIVES_A_TERMINAL);
    assert.deepEqual(JSON.parse(json), { baselines });
  });

  it('does not turn text round', async () => {
    const entries = [{ ...AUDIT_ENTRY, detail: TURNED }];
    server.answer('GET /v1/audit', { entries });
    for (const argv of [
      ['audit', 'list'],
      ['audit', 'list', '--json'],
    ]) {
      assert.doesNotMatch((await operator.run(argv, dumb)).out, DRIVES_A_TERMINAL);
    }
  });

  it('is not driven by a problem, nor by what it was called with', async () => {
    server.refuse('GET /v1/audit', 409, 'NO', { title: TURNED, detail: TURNED, remedy: TURNED });
    for (const argv of [
      ['audit', 'list'],
      ['audit', 'list', '--json'],
      ['audit', TURNED],
      ['host', 'show', '\u001b[2Jx'],
      ['baseline', 'import', '/no/\u001b[2Jx'],
      ['host', 'list', '--profile', '/no/\u001b[2Jx'],
    ]) {
      const { exit, out, err } = await operator.run(argv, dumb);
      assert.notEqual(exit, 0);
      assert.doesNotMatch(out + err, DRIVES_A_TERMINAL);
    }
  });

  it('shows only escape sequences of our own, whatever the text', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 }).filter((it) => it.isWellFormed());
    await fc.assert(
      fc.asyncProperty(text, async (yaml) => {
        const baselines = [baselineRecord('draft', 1, yaml)];
        server.answer('GET /v1/baselines?name=attic-hosts', { baselines });
        const { out } = await operator.run(['baseline', 'show', 'attic-hosts'], dumb);
        assert.doesNotMatch(out, DRIVES_A_TERMINAL);
      }),
      { numRuns: 50 },
    );
  });
});
