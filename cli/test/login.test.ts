import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FixedServer, startFixedServer } from './support/fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './support/operator.ts';
import { API_TOKEN, JOIN_TOKEN, SESSION } from './support/records.ts';
import { BUNDLE_KEY } from './support/trust-bundle.ts';

describe('touchstone login', () => {
  let server: FixedServer;
  let operator: Operator;

  before(async () => {
    server = await startFixedServer();
  });
  after(() => server.close());
  beforeEach(() => {
    operator = newOperator();
    server.reset();
    server.answer('GET /v1/session', SESSION);
  });
  afterEach(() => operator.leave());

  const logIn = (more: readonly string[] = [], overrides = {}) =>
    operator.run(
      ['login', '--server', server.url, '--fingerprint', server.pin, '--token-file', '-', ...more],
      { input: `${TOKEN}\n`, ...overrides },
    );
  const profile = () => join(operator.home, 'touchstone', 'credentials.json');

  it('stores server, fingerprint, token and the first bundle key in a file for its owner alone', async () => {
    assert.equal((await logIn()).exit, 0);
    assert.deepEqual(JSON.parse(readFileSync(profile(), 'utf8')), {
      server: server.url,
      fingerprint: server.pin,
      token: TOKEN,
      bundleKey: BUNDLE_KEY,
    });
    assert.equal(statSync(profile()).mode & 0o777, 0o600);
    assert.equal(statSync(join(operator.home, 'touchstone')).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(join(operator.home, 'touchstone')), ['credentials.json']);
  });

  it('takes the place of an earlier login that others could read', async () => {
    await logIn();
    writeFileSync(profile(), '{}');
    await logIn();
    assert.equal(statSync(profile()).mode & 0o777, 0o600);
    assert.equal(JSON.parse(readFileSync(profile(), 'utf8')).token, TOKEN);
  });

  it('reads the token from a file, and the fingerprint with colons', async () => {
    const file = join(operator.home, 'token');
    writeFileSync(file, `  ${TOKEN}\n\n`);
    const colons = server.pin.toUpperCase().replaceAll(/(..)(?=.)/gu, '$1:');
    const argv = ['login', '--server', `${server.url}/`, '--fingerprint', colons];
    const { exit } = await operator.run([...argv, '--token-file', file]);
    assert.equal(exit, 0);
    assert.equal(server.asked[0]?.bearer, TOKEN);
  });

  it('stores nothing that the server does not accept', async () => {
    server.refuse('GET /v1/session', 401, 'UNAUTHENTICATED');
    assert.equal((await logIn()).exit, 77);
    assert.equal(existsSync(profile()), false);
  });

  it('refuses what is no token without repeating it: TOKEN_MALFORMED', async () => {
    const { exit, out, err } = await logIn([], { input: 'two words\nof secret' });
    assert.equal(exit, 65);
    assert.match(err, /TOKEN_MALFORMED/u);
    assert.doesNotMatch(out + err, /two words|secret/u);
  });

  it('puts the login where --profile says, or TOUCHSTONE_PROFILE', async () => {
    const [one, two] = [join(operator.home, 'one.json'), join(operator.home, 'two.json')];
    await logIn(['--profile', one]);
    await logIn([], { env: { TOUCHSTONE_PROFILE: two } });
    assert.equal(existsSync(profile()), false);
    server.answer('GET /v1/hosts', { hosts: [] });
    assert.equal((await operator.run(['--profile', one, 'host', 'list'])).exit, 0);
    const env = { TOUCHSTONE_PROFILE: two };
    assert.equal((await operator.run(['host', 'list'], { env })).exit, 0);
  });

  it('never prints the token, whatever is asked and however it fails', async () => {
    const ran = [await logIn(), await logIn(['--json'])];
    server.refuse('GET /v1/audit', 500, 'INTERNAL');
    server.refuse('GET /v1/tokens', 401, 'UNAUTHENTICATED');
    server.answer('GET /v1/hosts', 'not a list');
    for (const argv of [['audit', 'list'], ['token', 'list'], ['host', 'list'], ['--help']]) {
      ran.push(await operator.run(argv), await operator.run([...argv, '--json']));
    }
    for (const { out, err } of ran) assert.ok(!(out + err).includes(TOKEN));
    assert.ok(server.asked.some(({ bearer }) => bearer === TOKEN));
  });
});

describe('a new secret', () => {
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
    server.answer('POST /v1/join-tokens', { token: 'tsj_new', record: JOIN_TOKEN });
    server.answer('POST /v1/tokens', { token: 'tst_new', record: API_TOKEN });
  });
  afterEach(() => operator.leave());

  const body = () => server.asked.find(({ route }) => route.startsWith('POST'))?.body;

  it('stands alone on standard output, so that it can be sent to a file', async () => {
    const { out, err } = await operator.run(['join-token', 'create', '--class', 'software']);
    assert.equal(out, 'tsj_new\n');
    assert.match(err, /not shown again/u);
    assert.deepEqual(body(), { classes: ['software'], labels: {}, approve: true });
  });

  it('is asked for with its classes, labels, uses, time and --hold', async () => {
    const classes = ['--class', 'discrete,firmware', '--class', 'virtual'];
    const labels = ['--label', 'site=attic', '--label', 'image=debian-12=x'];
    const more = ['--uses', '3', '--ttl', '2h', '--hold'];
    await operator.run(['join-token', 'create', ...classes, ...labels, ...more]);
    assert.deepEqual(body(), {
      classes: ['discrete', 'firmware', 'virtual'],
      labels: { site: 'attic', image: 'debian-12=x' },
      uses: 3,
      ttlSeconds: 7_200,
      approve: false,
    });
  });

  it('goes into a new file of its owner alone with --out', async () => {
    const file = join(operator.home, 'secret');
    const argv = ['token', 'create', '--name', 'bert', '--role', 'approver', '--out', file];
    const { exit, out, err } = await operator.run(argv);
    assert.equal(exit, 0);
    assert.ok(!(out + err).includes('tst_new'));
    assert.equal(readFileSync(file, 'utf8'), 'tst_new\n');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(body(), { name: 'bert', roles: ['approver'] });
  });

  it('is not even made where its file exists already: FILE_UNWRITABLE', async () => {
    const file = join(operator.home, 'secret');
    writeFileSync(file, 'kept');
    const argv = ['join-token', 'create', '--class', 'software', '--out', file];
    const { exit, err } = await operator.run(argv);
    assert.equal(exit, 64);
    assert.match(err, /FILE_UNWRITABLE/u);
    assert.equal(readFileSync(file, 'utf8'), 'kept');
    assert.equal(body(), undefined);
  });

  it('leaves no file behind where it was refused', async () => {
    server.refuse('POST /v1/join-tokens', 403, 'ROLE_MISSING');
    const file = join(operator.home, 'secret');
    const argv = ['join-token', 'create', '--class', 'software', '--out', file];
    assert.equal((await operator.run(argv)).exit, 77);
    assert.equal(existsSync(file), false);
  });
});
