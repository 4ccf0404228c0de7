import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@touchstone/transport';
import { EXIT } from '../index.ts';
import { type FixedServer, startFixedServer } from './support/fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './support/operator.ts';
import { AK_NAME, hostDetail, hostSummary, SESSION } from './support/records.ts';

describe('the exit status of touchstone', () => {
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
    await logIn();
  });
  afterEach(() => operator.leave());

  const logIn = (pin = server.pin) =>
    operator.run(['login', '--server', server.url, '--fingerprint', pin, '--token-file', '-'], {
      input: TOKEN,
    });

  it('is 0 for an answer', async () => {
    server.answer('GET /v1/hosts', { hosts: [] });
    assert.equal((await operator.run(['host', 'list'])).exit, EXIT.yes);
  });

  it('is 0 for a host that is untrusted, since it could be shown', async () => {
    const host = hostSummary('laptop-2', 'untrusted', { verdict: 'contraindicated' });
    server.answer('GET /v1/hosts/laptop-2', hostDetail(host));
    assert.equal((await operator.run(['host', 'show', 'laptop-2'])).exit, EXIT.yes);
  });

  for (const [status, code, exit] of [
    [400, 'SCHEMA_MISMATCH', EXIT.malformed],
    [401, 'UNAUTHENTICATED', EXIT.notPermitted],
    [403, 'ROLE_MISSING', EXIT.notPermitted],
    [404, 'HOST_UNKNOWN', EXIT.no],
    [409, 'AK_NAME_CHANGED', EXIT.no],
    [413, 'BODY_TOO_LARGE', EXIT.malformed],
    [422, 'BASELINE_MALFORMED', EXIT.malformed],
    [429, 'RATE_LIMITED', EXIT.unavailable],
    [500, 'INTERNAL', EXIT.bug],
    [503, 'DATABASE_UNAVAILABLE', EXIT.unavailable],
  ] as const) {
    it(`is ${exit} for ${status} ${code}, which is named`, async () => {
      server.refuse('GET /v1/hosts', status, code, { title: 'No', remedy: 'Do this.' });
      const { exit: actual, out, err } = await operator.run(['host', 'list']);
      assert.equal(actual, exit);
      assert.equal(out, '');
      assert.match(err, new RegExp(`No \\(${code}\\)`, 'u'));
      assert.match(err, /Do this\./u);
    });
  }

  for (const argv of [
    [],
    ['host'],
    ['hosts', 'list'],
    ['host', 'show'],
    ['host', 'show', '../tokens'],
    ['host', 'list', 'extra'],
    ['host', 'list', '--unknown'],
    ['host', 'revoke', 'laptop-1'],
    ['join-token', 'create'],
    ['join-token', 'create', '--class', 'hardware'],
    ['join-token', 'create', '--class', 'software', '--label', 'novalue'],
    ['join-token', 'create', '--class', 'software', '--ttl', '5 minutes'],
    ['vm', 'add', '--name', 'accounts'],
    ['vm', 'add', 'accounts', '--name', 'accounts', '--class', 'software'],
    ['vm', 'add', '--name', 'accounts', '--class', 'software', '--image', 'abc'],
    ['baseline', 'approve', 'x', '--part', 'kernel'],
    ['login', '--server', 'http://x', '--fingerprint', 'a'.repeat(64), '--token-file', '-'],
    ['login', '--server', 'https://x/y', '--fingerprint', 'a'.repeat(64), '--token-file', '-'],
    ['login', '--server', 'https://x', '--fingerprint', 'abc', '--token-file', '-'],
    ['login', '--server', 'https://x', '--fingerprint', 'a'.repeat(64), '--token-file', '/none'],
    ['baseline', 'import', '/nowhere/at/all.yaml'],
  ]) {
    it(`is 64 for: touchstone ${argv.join(' ')}`, async () => {
      server.reset();
      const { exit, out, err } = await operator.run(argv);
      assert.equal(exit, EXIT.usage);
      assert.equal(out, '');
      assert.notEqual(err, '');
      assert.ok(server.asked.every(({ route }) => route === 'GET /v1/session'));
    });
  }

  it('is 0 for help, which goes to standard output', async () => {
    const { exit, out } = await operator.run(['host', 'approve', '--help']);
    assert.equal(exit, EXIT.yes);
    assert.match(out, /AK Name/u);
  });

  it('is 69 where nobody listens: UNREACHABLE', async () => {
    const profile = { server: 'https://127.0.0.1:1', fingerprint: server.pin, token: TOKEN };
    const file = writeProfileFile(JSON.stringify(profile));
    const { exit, err } = await operator.run(['host', 'list', '--profile', file]);
    assert.equal(exit, EXIT.unavailable);
    assert.match(err, /UNREACHABLE/u);
  });

  it('is 69 for a server with another key, which is told nothing: PIN_MISMATCH', async () => {
    server.reset();
    const { exit, err } = await logIn('0'.repeat(64));
    assert.equal(exit, EXIT.unavailable);
    assert.match(err, /PIN_MISMATCH/u);
    assert.deepEqual(server.asked, []);
  });

  it('is 69 for an answer that is not one: ANSWER_MALFORMED', async () => {
    server.answer('GET /v1/hosts', { hosts: [{ name: 'laptop-1' }] });
    const { exit, err } = await operator.run(['host', 'list']);
    assert.equal(exit, EXIT.unavailable);
    assert.match(err, /ANSWER_MALFORMED/u);
  });

  it('is 77 without a login: NOT_LOGGED_IN', async () => {
    const { exit, err } = await operator.run(['host', 'list', '--profile', '/nowhere']);
    assert.equal(exit, EXIT.notPermitted);
    assert.match(err, /NOT_LOGGED_IN[^]*touchstone login/u);
  });

  it('is 77 for a login that others can read, which is not used: PROFILE_EXPOSED', async () => {
    const file = join(operator.home, 'touchstone', 'credentials.json');
    chmodSync(file, 0o640);
    server.reset();
    const { exit, err } = await operator.run(['host', 'list']);
    assert.equal(exit, EXIT.notPermitted);
    assert.match(err, /PROFILE_EXPOSED/u);
    assert.deepEqual(server.asked, []);
  });

  for (const [given, text] of [
    ['no JSON', 'tst_'],
    ['an unknown key', JSON.stringify({ server: 'https://x', fingerprint: '', token: '', x: 1 })],
    [
      'a token that would break the header',
      JSON.stringify({ server: 'https://x', fingerprint: 'a'.repeat(64), token: 'abcdefgh ijkl' }),
    ],
  ] as const) {
    it(`is 65 for a login file with ${given}: PROFILE_MALFORMED`, async () => {
      const file = writeProfileFile(text);
      const { exit, err } = await operator.run(['host', 'list', '--profile', file]);
      assert.equal(exit, EXIT.malformed);
      assert.match(err, /PROFILE_MALFORMED/u);
    });
  }

  it('is 1 for another AK Name than the one named, and approves nothing: AK_NAME_DIFFERS', async () => {
    server.answer('GET /v1/hosts/laptop-1', hostDetail(hostSummary('laptop-1', 'pending')));
    const other = AK_NAME.replace('ab', 'cd');
    const { exit, err } = await operator.run(['host', 'approve', 'laptop-1', '--ak-name', other]);
    assert.equal(exit, EXIT.no);
    assert.match(err, /AK_NAME_DIFFERS/u);
    assert.ok(server.asked.every(({ route }) => route.startsWith('GET ')));
  });

  it('is 1 for a VM of no such name: VM_UNKNOWN', async () => {
    server.answer('GET /v1/vms', { vms: [] });
    assert.equal((await operator.run(['vm', 'show', 'accounts'])).exit, EXIT.no);
  });

  it('is 70 for a bug: BUG', async () => {
    const broken: Client = {
      request: () => Promise.reject(new TypeError('undefined is not a function')),
      close: () => Promise.resolve(),
    };
    const { exit, err } = await operator.run(['host', 'list'], { connect: () => broken });
    assert.equal(exit, EXIT.bug);
    assert.match(err, /BUG[^]*report/u);
  });

  function writeProfileFile(text: string): string {
    const directory = join(operator.home, 'other');
    mkdirSync(directory);
    const file = join(directory, 'profile.json');
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  it('is 64 for label changes that make no sense', async () => {
    for (const changes of [['rack'], ['Rack=1'], ['rack=1', 'rack-'], ['rack-', 'rack-'], ['-']]) {
      const { exit } = await operator.run(['host', 'label', 'laptop-1', '--', ...changes]);
      assert.equal(exit, EXIT.usage, changes.join(' '));
    }
    assert.ok(!server.asked.some(({ route }) => route.startsWith('POST')));
  });
});
