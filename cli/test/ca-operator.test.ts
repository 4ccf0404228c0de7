import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CaOperator, CaSession } from '@touchstone/schemas';
import { type FixedServer, startFixedServer } from './support/fixed-server.ts';
import { type Operator, TOKEN } from './support/operator.ts';
import { AUDIT_ENTRY } from './support/records.ts';
import { trustBundlesNaming } from './support/trust-bundle.ts';
import { useServerAndCa } from './support/server-and-ca.ts';

const CA_TOKEN = `tsc_${'Cas3cret'.repeat(5)}abc`;
const ID = '00000000-0000-4000-8000-777777777777';

const CA_SESSION: CaSession = {
  ...{ tokenId: ID, name: 'anna', person: 'olga', role: 'operator', quorum: 2 },
  ca: 'https://ca.example',
};

const ADDED: CaOperator = {
  ...{ id: ID, name: 'bert', person: 'bert', role: 'operator', createdBy: 'anna/1' },
  ...{ createdAt: '2026-11-22T11:00:00.000Z', expiresAt: null, revokedAt: null },
};

describe('an operator of the CA', () => {
  let server: FixedServer;
  let ca: FixedServer;
  let operator: Operator;

  useServerAndCa((scene) => {
    ({ server, ca, operator } = scene);
    ca.answer('GET /v1/operator/session', CA_SESSION);
  });

  const caAt = ({ url, pin }: FixedServer) => ({ url, pin });
  const login = (input: string | null, ...more: string[]) =>
    operator.run(
      [
        ...['login', '--server', server.url, '--fingerprint', server.pin, ...more],
        ...(input === null ? [] : ['--token-file', '-']),
      ],
      input === null ? {} : { input },
    );
  const profile = () =>
    JSON.parse(
      readFileSync(join(operator.home, 'touchstone', 'credentials.json'), 'utf8'),
    ) as Record<string, unknown>;
  const bearersAt = ({ asked }: FixedServer) => new Set(asked.map(({ bearer }) => bearer));

  it('logs in with one text, of which the server and the CA each see their own part', async () => {
    const { exit, out } = await login(`${TOKEN}.${CA_TOKEN}\n`);
    assert.equal(exit, 0, out);
    assert.deepEqual([bearersAt(server), bearersAt(ca)], [new Set([TOKEN]), new Set([CA_TOKEN])]);
    assert.deepEqual(profile()['ca'], { ...caAt(ca), token: CA_TOKEN });
    assert.equal(profile()['token'], TOKEN);
  });

  it('is told in JSON too, without the tokens', async () => {
    const { out } = await login(`${TOKEN}.${CA_TOKEN}`, '--json');
    const answer = JSON.parse(out) as { ca: unknown };
    assert.deepEqual(answer.ca, { ...caAt(ca), session: CA_SESSION });
    assert.ok(!out.includes(CA_TOKEN) && !out.includes(TOKEN));
  });

  it('adds a token of the CA to a login, and renews the one without the other', async () => {
    await login(TOKEN);
    assert.equal(profile()['ca'], undefined);
    assert.equal((await login(CA_TOKEN)).exit, 0);
    const other = `tst_${'another'.repeat(6)}x`;
    assert.equal((await login(other)).exit, 0);
    assert.deepEqual(
      [profile()['token'], profile()['ca']],
      [other, { ...caAt(ca), token: CA_TOKEN }],
    );
  });

  it('needs one of the server, and takes no other pair: NOT_LOGGED_IN, TOKEN_MALFORMED', async () => {
    assert.match((await login(CA_TOKEN)).err, /NOT_LOGGED_IN/u);
    for (const pair of [`${CA_TOKEN}.${TOKEN}`, `${TOKEN}.${TOKEN}`, `${TOKEN}.${CA_TOKEN}.x`]) {
      const { exit, err } = await login(pair);
      assert.equal(exit, 65);
      assert.match(err, /TOKEN_MALFORMED/u);
    }
    assert.deepEqual(ca.asked, []);
  });

  it('stores nothing that the CA does not accept', async () => {
    ca.refuse('GET /v1/operator/session', 401, 'UNAUTHENTICATED');
    assert.equal((await login(`${TOKEN}.${CA_TOKEN}`)).exit, 77);
    assert.throws(profile);
  });

  it('says what to do where there is no token of the CA: CA_NOT_LOGGED_IN', async () => {
    await login(TOKEN);
    const { exit, err } = await operator.run(['ca', 'operator', 'list']);
    assert.equal(exit, 77);
    assert.match(err, /CA_NOT_LOGGED_IN/u);
    assert.match(err.replaceAll(/\s+/gu, ' '), /touchstone login/u);
  });

  describe('when the server names another CA than before', () => {
    let other: FixedServer;

    before(async () => {
      other = await startFixedServer();
    });
    after(() => other.close());
    beforeEach(async () => {
      other.reset();
      other.answer('GET /v1/operator/session', CA_SESSION);
      await login(`${TOKEN}.${CA_TOKEN}`);
      server.answer('GET /v1/trust-bundle', trustBundlesNaming(caAt(other)));
    });

    it('goes on with the one that was noted', async () => {
      ca.answer('GET /v1/operator/operators', { operators: [ADDED] });
      assert.equal((await operator.run(['ca', 'operator', 'list'])).exit, 0);
      assert.deepEqual(other.asked, []);
    });

    it('does not send it the token, nor a new one: CA_PIN_CHANGED', async () => {
      for (const again of [`${TOKEN}.${CA_TOKEN}`, null, `tsc_${'new'.repeat(14)}x`]) {
        const { exit, err } = await login(again);
        assert.equal(exit, 77);
        assert.match(err, /CA_PIN_CHANGED/u);
      }
      assert.deepEqual(other.asked, []);
    });

    it('does not send it the noted token where its own key is another one too: CA_PIN_CHANGED', async () => {
      const file = join(operator.home, 'touchstone', 'credentials.json');
      writeFileSync(file, JSON.stringify({ ...profile(), fingerprint: '0'.repeat(64) }));
      for (const again of [null, `${TOKEN}.${CA_TOKEN}`]) {
        const { exit, err } = await login(again);
        assert.equal(exit, 77);
        assert.match(err, /CA_PIN_CHANGED/u);
      }
      assert.deepEqual(other.asked, []);
    });

    it('takes it by --ca-fingerprint, with the tokens of before', async () => {
      const { exit, err } = await login(null, '--ca-fingerprint', other.pin);
      assert.equal(exit, 0, err);
      assert.deepEqual(profile()['ca'], { ...caAt(other), token: CA_TOKEN });
    });

    it('is told that the noted address has another key now: CA_PIN_CHANGED', async () => {
      const file = join(operator.home, 'touchstone', 'credentials.json');
      const { ca: noted, ...rest } = profile();
      const moved = { ...rest, ca: { ...(noted as object), pin: other.pin } };
      writeFileSync(file, JSON.stringify(moved));
      const { exit, err } = await operator.run(['ca', 'quorum']);
      assert.equal(exit, 77);
      assert.match(err, /CA_PIN_CHANGED/u);
    });
  });

  describe('once logged in', () => {
    beforeEach(() => login(`${TOKEN}.${CA_TOKEN}`));

    it('makes a token for somebody, which stands alone on standard output', async () => {
      ca.answer('POST /v1/operator/operators', { token: 'tsc_new', record: ADDED });
      const argv = ['ca', 'operator', 'add', '--name', 'bert', '--person', 'bert', '--ttl', '90d'];
      const { out, err } = await operator.run(argv);
      assert.equal(out, 'tsc_new\n');
      assert.match(err, /not shown again/u);
      assert.deepEqual(ca.asked.find(({ body }) => body !== undefined)?.body, {
        ...{ name: 'bert', person: 'bert', role: 'operator', ttlSeconds: 7_776_000 },
      });
    });

    it('lists and removes tokens', async () => {
      ca.answer('GET /v1/operator/operators', { operators: [ADDED] });
      ca.answer(`DELETE /v1/operator/operators/${ID}`, { ...ADDED, revokedAt: ADDED.createdAt });
      assert.match((await operator.run(['ca', 'operator', 'list'])).out, /bert +bert +operator/u);
      assert.match((await operator.run(['ca', 'operator', 'remove', ID])).out, /no more/u);
    });

    it('sees and sets the quorum, and is told each time while one person is enough', async () => {
      const status = { quorum: 1, approvers: ['olga'], waiting: 1 };
      ca.answer('GET /v1/operator/quorum', status);
      ca.answer('GET /v1/operator/session', { ...CA_SESSION, quorum: 1 });
      const { out, err } = await operator.run(['ca', 'quorum']);
      assert.match(out, /touchstone ca approval list/u);
      assert.match(err, /one person alone can loosen what the CA/u);
      ca.refuse('POST /v1/operator/quorum', 409, 'QUORUM_WAITING');
      assert.equal((await operator.run(['ca', 'quorum', 'set', '1'])).exit, 1);
    });

    it('sees what waits, and takes it back', async () => {
      const waiting = {
        ...{ id: ID, action: 'root.add', subject: 'a root', detail: 'from a maker' },
        ...{ digest: 'ab'.repeat(32), state: 'waiting', person: 'olga', token: 'anna' },
        ...{ at: '2026-11-22T11:00:00.000Z', expiresAt: '2026-11-23T11:00:00.000Z' },
        ...{ decidedBy: null, decidedAt: null },
      };
      ca.answer('GET /v1/operator/approvals', { approvals: [waiting] });
      ca.answer(`POST /v1/operator/approvals/${ID}/withdrawal`, {
        ...waiting,
        ...{ state: 'withdrawn', decidedBy: 'anna/1', decidedAt: waiting.at },
      });
      assert.match((await operator.run(['ca', 'approval', 'list'])).out, /root\.add/u);
      assert.match((await operator.run(['ca', 'approval', 'withdraw', ID])).out, /Taken back/u);
    });

    it('reads the audit log, and sees where a line does not follow from the one before', async () => {
      ca.answer('GET /v1/operator/audit', { entries: [AUDIT_ENTRY] });
      assert.match((await operator.run(['ca', 'audit', 'list'])).out, /host\.approve/u);
      const { exit, out } = await operator.run(['ca', 'audit', 'verify']);
      assert.equal(exit, 1);
      assert.match(out, /broken/u);
    });
  });
});
