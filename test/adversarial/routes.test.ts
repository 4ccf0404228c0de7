import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiTokenCreated, type Problem, type Role, TrustBundles } from '@touchstone/schemas';
import { Type } from 'typebox';
import { attack } from '../support/attack.ts';
import { corrupt } from '../support/records.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const ROLES: readonly Role[] = ['viewer', 'operator', 'approver', 'ca-admin'];

/**
 * Every call that takes no token, and why. A call that is neither here nor protected fails this test: whoever adds one
 * says here what keeps strangers from harm.
 */
const OPEN: Readonly<Record<string, string>> = {
  'GET /v1/health': 'says nothing of hosts',
  'GET /v1/ready': 'says nothing of hosts',
  'GET /v1/openapi.json': 'is public',
  'GET /v1/trust-bundle': 'public keys, signed',
  'GET /v1/trust-bundles/after/{key}': 'public keys, signed',
  'POST /v1/challenges': 'is worth nothing without the AK',
  'POST /v1/hosts': 'the AK signs it, and a person or a join token admits',
  'PUT /v1/hosts/{key}/certificate': 'the CA signed it for the recorded AK',
  'POST /v1/evidence': 'the AK signs it',
  'POST /v1/permits': 'the AK signs it',
  'POST /v1/start-plans': 'says of a VM, to who knows its uuid and an AK, which disks are data',
  'GET /v1/hosts/{key}/orders':
    'says to who knows a host’s id what it is to do; signed, and changes nothing',
  'DELETE /v1/browser-sessions': 'ends the session of the cookie that is sent, or none',
};

type Operation = { readonly name: string; readonly method: string; readonly path: string };
type Protected = Operation & { readonly role: Role };
type Credentials = Readonly<Record<string, string>>;

describe('The calls of the server', function () {
  this.timeout(120_000);
  let touchstone: Touchstone;
  let elsewhere: Touchstone;
  let open: readonly Operation[];
  let guarded: readonly Protected[];

  before(async function () {
    this.timeout(180_000);
    touchstone = await startTouchstone();
    elsewhere = await startTouchstone();
    ({ open, guarded } = await describedCalls(touchstone));
  });
  after(async function () {
    this.timeout(60_000);
    await elsewhere?.stop();
    await touchstone?.stop();
  });

  const newToken = (roles: readonly Role[], at = touchstone) =>
    at.operator('POST', '/v1/tokens', ApiTokenCreated, { name: 'tried', roles: [...roles] });
  const bearer = (token: string): Credentials => ({ authorization: `Bearer ${token}` });
  /** What a browser gets for a token. */
  const cookieOf = async (at: Touchstone): Promise<Credentials> => {
    const opened = await answerOf(at, 'POST', '/v1/browser-sessions', bearer(at.token));
    assert.equal(opened.status, 201);
    return { cookie: String(opened.headers['set-cookie']).split(';')[0] ?? '' };
  };
  const refusedEverywhere = (credentials: Credentials, calls: readonly Operation[] = guarded) =>
    attack('I29', async () => {
      for (const { name, method, path } of calls) {
        const { status, body } = await answerOf(touchstone, method, path, credentials);
        assert.deepEqual([status, body?.code], [401, 'UNAUTHENTICATED'], name);
      }
      return { outcome: 'R', code: 'UNAUTHENTICATED' };
    });

  it('are each protected by a role, or open for a reason that is written down', () => {
    assert.deepEqual(open.map(({ name }) => name).toSorted(), Object.keys(OPEN).toSorted());
    assert.ok(guarded.length >= 25, `${guarded.length} protected calls`);
    assert.ok(guarded.every(({ role }) => ROLES.includes(role)));
  });

  describe('are refused, all that are protected,', () => {
    it('without a token: I29', () => refusedEverywhere({}));

    it('with what is none: I29', async () => {
      const strange = ['', 'Bearer', 'Bearer ', 'Bearer x', `Basic ${touchstone.token}`];
      const unknown = [`Bearer tst_${'A'.repeat(43)}`, `Bearer ${touchstone.token}x`];
      for (const authorization of [...strange, ...unknown]) {
        // Not those that few a minute may ask.
        await refusedEverywhere({ authorization }, guarded.slice(5, 10));
      }
      await refusedEverywhere({ authorization: `Bearer ${touchstone.token.slice(0, -1)}` });
    });

    it('with one that has expired: I29', async () => {
      const { token, record } = await newToken(ROLES);
      const sql = `UPDATE api_tokens SET expires_at = now() - interval '5 seconds' WHERE id = $1`;
      await corrupt(touchstone, sql, [record.id]);
      await refusedEverywhere(bearer(token));
    });

    it('with one that was revoked: I29', async () => {
      const { token, record } = await newToken(ROLES);
      await touchstone.operator('DELETE', `/v1/tokens/${record.id}`, Type.Unknown());
      await refusedEverywhere(bearer(token));
    });

    it('with another deployment’s, which has every role there: I29', async () => {
      const { token } = await newToken(ROLES, elsewhere);
      assert.equal((await answerOf(elsewhere, 'GET', '/v1/hosts', bearer(token))).status, 200);
      await refusedEverywhere(bearer(token));
    });

    it('with another deployment’s cookie: I29', async () => {
      const cookie = await cookieOf(elsewhere);
      assert.equal((await answerOf(elsewhere, 'GET', '/v1/hosts', cookie)).status, 200);
      await refusedEverywhere(cookie);
    });

    it('with a join token, or a token in the address: I29', async () => {
      await refusedEverywhere(bearer(await touchstone.joinToken()));
      const { token } = touchstone;
      const inAddress = guarded.map((call) => ({
        ...call,
        path: `${call.path}?access_token=${token}&token=${token}`,
      }));
      await refusedEverywhere({}, inAddress.slice(5, 15));
    });

    it('with a browser’s own cookie where they change anything: I29', async () => {
      const cookie = await cookieOf(touchstone);
      assert.equal((await answerOf(touchstone, 'GET', '/v1/hosts', cookie)).status, 200);
      await refusedEverywhere(
        cookie,
        guarded.filter(({ method }) => method !== 'GET'),
      );
    });

    it('with all roles but the one that each takes: I29', () =>
      attack('I29', async () => {
        for (const missing of ROLES.filter((role) => role !== 'viewer')) {
          const { token } = await newToken(ROLES.filter((role) => role !== missing));
          for (const { name, method, path } of guarded.filter(({ role }) => role === missing)) {
            const { status, body } = await answerOf(touchstone, method, path, bearer(token));
            assert.deepEqual([status, body?.code], [403, 'ROLE_MISSING'], name);
          }
        }
        return { outcome: 'R', code: 'ROLE_MISSING' };
      }));
  });

  it('are let through, all of them, with the role that each takes', async () => {
    const tokens = new Map<Role, string>();
    for (const role of ROLES) tokens.set(role, (await newToken([role])).token);
    for (const { name, method, path, role } of guarded) {
      const { status } = await answerOf(touchstone, method, path, bearer(tokens.get(role) ?? ''));
      assert.ok(![401, 403, 500].includes(status), `${name}: ${status}`);
    }
  });

  it('are none of the CA’s: NOT_FOUND', async () => {
    const { bundles } = await touchstone.client.request({
      ...{ method: 'GET', path: '/v1/trust-bundle', schema: TrustBundles },
    });
    const payload = Buffer.from(bundles[0]?.split('.')[1] ?? '', 'base64url').toString();
    const { ca } = JSON.parse(payload) as { ca: { url: string } };
    for (const { name, method, path } of guarded) {
      const { status } = await answerOf(ca, method, path, bearer(touchstone.token));
      assert.equal(status, 404, name);
    }
  });

  it('are given challenges, ten thousand of them, by 128 random bits: Q4', () =>
    attack('Q4', async () => {
      // One address has 400 at once; a loopback network has many addresses.
      const addresses = Array.from({ length: 25 }, (_, index) => `127.0.1.${index + 1}`);
      const asked = addresses.map((address) => challengesFrom(touchstone, address, 400));
      const challenges = (await Promise.all(asked)).flat();
      assert.equal(new Set(challenges.map((one) => one.toString('hex'))).size, 10_000);
      // Version, key, purpose and time, 9 bytes; then the random ones.
      const random = challenges.map((one) => one.subarray(9, 25));
      assert.equal(new Set(random.map((one) => one.toString('hex'))).size, 10_000);
      for (let bit = 0; bit < 128; bit += 1) {
        const ones = random.filter((bytes) => ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1).length;
        assert.ok(ones > 4_600 && ones < 5_400, `bit ${bit} is set ${ones} times in 10,000`);
      }
      return { outcome: 'HOLDS' };
    }));
});

/** From the description that the server makes of its own route table. */
async function describedCalls(
  touchstone: Touchstone,
): Promise<{ open: Operation[]; guarded: Protected[] }> {
  const { body } = await answerOf(touchstone, 'GET', '/v1/openapi.json', {});
  const { paths } = body as unknown as {
    paths: Record<string, Record<string, { security: unknown[]; 'x-role'?: Role }>>;
  };
  const [open, guarded]: [Operation[], Protected[]] = [[], []];
  for (const [path, methods] of Object.entries(paths)) {
    for (const [verb, { security, 'x-role': role }] of Object.entries(methods)) {
      const method = verb.toUpperCase();
      const call = { name: `${method} ${path}`, method, path: path.replace('{key}', 'some-key') };
      if (role === undefined) open.push(call);
      else guarded.push({ ...call, role });
      assert.equal(security.length > 0, role !== undefined, call.name);
    }
  }
  return { open, guarded };
}

type Answer = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Unless it is no JSON: an answer that would stream is not waited for. */
  readonly body: Problem | undefined;
};

async function answerOf(
  { url }: { readonly url: string },
  method: string,
  path: string,
  credentials: Credentials,
  options: https.RequestOptions = {},
): Promise<Answer> {
  const text = method === 'GET' ? '' : '{}';
  const headers = {
    ...credentials,
    ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': text.length }),
  };
  const request = https.request(new URL(path, url), {
    ...{ method, headers, rejectUnauthorized: false },
    ...options,
  });
  request.end(text);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const isJson = /json/u.test(answer.headers['content-type'] ?? '');
  const body = isJson ? ((await json(answer)) as Problem) : undefined;
  if (!isJson) answer.destroy();
  return { status: answer.statusCode ?? 0, headers: answer.headers, body };
}

async function challengesFrom({ url }: Touchstone, localAddress: string, count: number) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const body = JSON.stringify({ akName: `000b${'5a'.repeat(32)}`, purpose: 'attest' });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const challenges: Buffer[] = [];
  try {
    while (challenges.length < count) {
      const request = https.request(new URL('/v1/challenges', url), {
        ...{ method: 'POST', headers, agent, localAddress, rejectUnauthorized: false },
      });
      request.end(body);
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      const { challenge } = (await json(answer)) as { challenge?: string };
      // Everybody together has a limit too, which a moment of the fastest machine reaches: it is asked again.
      if (answer.statusCode === 429) {
        await sleep(100);
        continue;
      }
      assert.ok(challenge, `${localAddress}: ${answer.statusCode}`);
      challenges.push(Buffer.from(challenge, 'base64url'));
    }
  } finally {
    agent.destroy();
  }
  return challenges;
}
