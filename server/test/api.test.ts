import assert from 'node:assert/strict';
import type { Router } from '@koa/router';
import { decodeJwt } from 'jose';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TSchema, Type } from 'typebox';
import {
  ApiToken,
  ApiTokenCreated,
  ApiTokenList,
  AuditList,
  ChallengeAnswer,
  Health,
  type HostDetail,
  HostEnrolmentAnswer,
  HostList,
  JoinTokenCreated,
  type Role,
  Session,
  checkAgainst,
  TrustBundle,
  TrustBundles,
  Vm,
} from '@touchstone/schemas';
import { type Client, listenUnix, type Listening, unixClient } from '@touchstone/transport';
import { createApp } from '../http/app.ts';
import { describedRoutes } from '../http/described-routes.ts';
import type { OperatorRoute } from '../http/operator-route.ts';
import { OPERATOR_ROUTES } from '../http/operator-routes.ts';
import { refusal } from '../codes.ts';
import { revokeHost } from '../services/approve-host.ts';
import { enrolHost } from '../services/enrol-host.ts';
import { giveChallenge } from '../services/give-challenge.ts';
import { BY } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';
import { type MadeVerifier, startVerifier } from './support/made-verifier.ts';

const ROLES: readonly Role[] = ['viewer', 'operator', 'approver', 'ca-admin'];

describe('The API', () => {
  let verifier: MadeVerifier;
  let listening: Listening;
  let client: Client;
  let dir: string;
  let everything: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-api-'));
    verifier = await startVerifier();
    const path = join(dir, 'sock');
    listening = await listenUnix(createApp(verifier), { path, mode: 0o600 });
    client = unixClient({ path });
    everything = await verifier.token([...ROLES]);
  });
  after(async () => {
    await client?.close();
    await listening?.close();
    await verifier?.stop();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  /** What the client would refuse to read. */
  const raw = (path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; text: string; body: unknown }>(
      (resolve, reject) => {
        const asked = request({ socketPath: join(dir, 'sock'), path, headers }, (answer) => {
          answer.setEncoding('utf8');
          let text = '';
          answer.on('data', (chunk: string) => (text += chunk));
          answer.on('end', () => {
            const { statusCode: status = 0 } = answer;
            const json = /json/u.test(answer.headers['content-type'] ?? '');
            const body = json ? (JSON.parse(text) as unknown) : undefined;
            resolve({ status, headers: answer.headers, text, body });
          });
        });
        asked.on('error', reject);
        asked.end();
      },
    );

  const anyRoute = { ...OPERATOR_ROUTES[0], method: 'GET' } as OperatorRoute;
  const call = (route: OperatorRoute, bearer?: string) =>
    client.request({
      method: route.method,
      path: route.path.replace(':key', randomUUID()),
      schema: Type.Unknown(),
      ...(route.method === 'POST' || route.method === 'PUT' ? { body: {} } : {}),
      ...(bearer === undefined ? {} : { bearer }),
    });

  describe('for operators', () => {
    it('has each of its calls in the table', () => {
      const names = OPERATOR_ROUTES.map(({ method, path }) => `${method} ${path}`);
      assert.equal(new Set(names).size, names.length);
      assert.ok(names.length >= 20);
    });

    for (const route of OPERATOR_ROUTES) {
      it(`I29 ${route.method} ${route.path}: 401 without a good token, 403 without ${route.role}`, async () => {
        const unauthenticated = { status: 401, code: 'UNAUTHENTICATED' };
        await assert.rejects(call(route), unauthenticated);
        await assert.rejects(call(route, 'tst_short'), unauthenticated);
        await assert.rejects(call(route, `tst_${'A'.repeat(43)}`), unauthenticated);
        const expired = await verifier.token([...ROLES], { expired: true });
        await assert.rejects(call(route, expired), unauthenticated);
        const revoked = await verifier.token([...ROLES], { revoked: true });
        await assert.rejects(call(route, revoked), unauthenticated);
        const others = route.role === 'viewer' ? [] : ROLES.filter((role) => role !== route.role);
        await assert.rejects(call(route, await verifier.token(others)), {
          status: 403,
          code: 'ROLE_MISSING',
        });
        // With the role, the call fails at most for what it asks.
        const holder = await verifier.token([route.role]);
        await call(route, holder).catch((error: { status: number }) => {
          assert.ok([400, 404].includes(error.status), `${error.status}`);
        });
      });
    }

    it('writes down every call, its caller and its outcome, but no secret', async () => {
      const bearer = await verifier.token(['viewer']);
      await client.request({ method: 'GET', path: '/v1/hosts', bearer, schema: HostList });
      await assert.rejects(
        client.request({
          method: 'POST',
          path: '/v1/tokens',
          bearer,
          body: { name: 'x', roles: ['viewer'] },
          schema: ApiTokenCreated,
        }),
        { code: 'ROLE_MISSING' },
      );
      const get = { method: 'GET', path: '/v1/audit', bearer: everything } as const;
      const { entries } = await client.request({ ...get, schema: AuditList });
      const lines = entries.map(({ action, detail }) => `${action} ${detail}`);
      assert.ok(lines.includes('GET /v1/hosts answered'));
      assert.ok(lines.includes('POST /v1/tokens ROLE_MISSING'));
      assert.ok(!JSON.stringify(entries).includes(bearer));
    });

    it('gives out no role that the caller does not hold: TOKEN_ROLES_EXCEEDED', async () => {
      const bearer = await verifier.token(['operator']);
      const create = (roles: Role[]) =>
        client.request({
          method: 'POST',
          path: '/v1/tokens',
          bearer,
          body: { name: 'child', roles },
          schema: ApiTokenCreated,
        });
      await assert.rejects(create(['operator', 'approver']), { code: 'TOKEN_ROLES_EXCEEDED' });
      const { token } = await create(['operator']);
      const session = await client.request({
        method: 'GET',
        path: '/v1/session',
        bearer: token,
        schema: Session,
      });
      assert.deepEqual(session.roles, ['operator']);
    });

    it('takes away none with a role that the caller does not hold: TOKEN_ROLES_EXCEEDED', async () => {
      const create = async (bearer: string, roles: Role[]) => {
        const body = { name: 'to-go', roles };
        const path = '/v1/tokens';
        const schema = ApiTokenCreated;
        return client.request({ method: 'POST', path, bearer, body, schema });
      };
      const operator = await verifier.token(['operator']);
      const revoke = ({ record }: { record: ApiToken }) =>
        client.request({
          method: 'DELETE',
          path: `/v1/tokens/${record.id}`,
          bearer: operator,
          schema: ApiToken,
        });
      const above = await create(everything, ['operator', 'approver']);
      await assert.rejects(revoke(above), { code: 'TOKEN_ROLES_EXCEEDED' });
      const get = { method: 'GET', path: '/v1/session', schema: Session } as const;
      await client.request({ ...get, bearer: above.token });
      const equal = await create(everything, ['operator']);
      assert.notEqual((await revoke(equal)).revokedAt, null);
    });

    it('lets nobody but an approver make a join token that approves: ROLE_MISSING', async () => {
      const create = (bearer: string, approve: boolean) =>
        client.request({
          method: 'POST',
          path: '/v1/join-tokens',
          bearer,
          body: { classes: ['software'], labels: {}, approve },
          schema: JoinTokenCreated,
        });
      const operator = await verifier.token(['operator']);
      await assert.rejects(create(operator, true), { code: 'ROLE_MISSING' });
      assert.equal((await create(operator, false)).record.approve, false);
      assert.equal((await create(everything, true)).record.approve, true);
    });

    it('takes the same VM twice, and no other in its place: VM_EXISTS', async () => {
      const vm = {
        uuid: randomUUID(),
        name: 'web',
        classes: ['software'],
        hostLabels: {},
        images: [],
      };
      const add = (body: object) =>
        client.request({ method: 'POST', path: '/v1/vms', bearer: everything, body, schema: Vm });
      assert.deepEqual(await add(vm), vm);
      assert.deepEqual(await add(vm), vm);
      await assert.rejects(add({ ...vm, classes: ['discrete'] }), { code: 'VM_EXISTS' });
      await assert.rejects(add({ ...vm, uuid: randomUUID() }), { code: 'VM_EXISTS' });
    });

    for (const key of ['..%2f..', 'a%00b', 'a%0ab', 'x'.repeat(10_000), '%D0%B0', 'A']) {
      it(`T7 refuses ${key.slice(0, 12)} as a host: ID_MALFORMED`, async () => {
        await assert.rejects(
          client.request({
            method: 'GET',
            path: `/v1/hosts/${key}`,
            bearer: everything,
            schema: Type.Unknown(),
          }),
          (error: { status: number }) => error.status === 400 || error.status === 404,
        );
      });
    }
  });

  describe('for operators, in lists', () => {
    const page = <T extends TSchema>(path: string, schema: T) =>
      client.request({ method: 'GET', path, bearer: everything, schema });
    const names: string[] = [];
    before(async () => {
      for (let number = 0; number < 7; number += 1) {
        const host = makeHost();
        const challenge = giveChallenge(verifier, { akName: host.akName, purpose: 'enrol' });
        const name = `paged-${number}`;
        await enrolHost(verifier, host.enrolment(challenge.challenge, { name }));
        names.push(name);
      }
    });

    it('gives page after page, and each host once', async () => {
      const shown: string[] = [];
      let query = '?limit=2';
      for (let pages = 1; ; pages += 1) {
        assert.ok(pages < 20);
        const { hosts, nextCursor } = await page(`/v1/hosts${query}`, HostList);
        assert.ok(hosts.length <= 2);
        shown.push(...hosts.map(({ name }) => name));
        if (nextCursor === undefined) break;
        query = `?limit=2&cursor=${nextCursor}`;
      }
      assert.equal(new Set(shown).size, shown.length);
      for (const name of names) assert.ok(shown.includes(name), name);
      const whole = await page('/v1/hosts', HostList);
      assert.deepEqual(
        whole.hosts.map(({ name }) => name),
        shown,
      );
      assert.equal(whole.nextCursor, undefined);
    });

    it('gives the audit log backwards, each page in order and none twice', async () => {
      const latest = await page('/v1/audit?limit=3', AuditList);
      const before = await page(`/v1/audit?limit=3&cursor=${latest.nextCursor}`, AuditList);
      const sequence = [...before.entries, ...latest.entries].map((entry) => entry.sequence);
      const [first = 0] = sequence;
      assert.deepEqual(
        sequence,
        sequence.map((_, index) => first + index),
      );
    });

    for (const path of ['/v1/tokens', '/v1/join-tokens', '/v1/vms', '/v1/baselines']) {
      it(`takes a cursor of ${path} there alone: CURSOR_MALFORMED`, async () => {
        const mine = Buffer.from(JSON.stringify([false, 1, '../']));
        for (const cursor of [mine.toString('base64url'), 'AAAA', '_']) {
          await assert.rejects(page(`${path}?cursor=${cursor}`, Type.Unknown()), {
            code: 'CURSOR_MALFORMED',
            status: 400,
          });
        }
      });
    }

    it('goes on in tokens of one instant', async () => {
      for (let times = 0; times < 3; times += 1) await verifier.token(['viewer']);
      const ids = new Set<string>();
      let cursor = '';
      do {
        const { tokens, nextCursor } = await page(`/v1/tokens?limit=1${cursor}`, ApiTokenList);
        for (const { id } of tokens) {
          assert.ok(!ids.has(id));
          ids.add(id);
        }
        cursor = nextCursor === undefined ? '' : `&cursor=${nextCursor}`;
      } while (cursor !== '');
      assert.equal(ids.size, (await page('/v1/tokens', ApiTokenList)).tokens.length);
    });

    for (const limit of ['0', '1001', '-1', '1.5', '1e2', 'x', '']) {
      it(`T8 refuses limit=${limit}: SCHEMA_MISMATCH`, async () => {
        await assert.rejects(page(`/v1/hosts?limit=${limit}`, HostList), {
          code: 'SCHEMA_MISMATCH',
          status: 400,
        });
      });
    }

    it('refuses a parameter twice, and one that it does not know', async () => {
      const twice = page('/v1/hosts?limit=1&limit=2', HostList);
      await assert.rejects(twice, { code: 'SCHEMA_MISMATCH' });
      await assert.rejects(page('/v1/hosts?offset=1', HostList), { code: 'QUERY_UNKNOWN' });
      await assert.rejects(page('/v1/vms/x?limit=1', HostList), { status: 400 });
    });

    it('says that a host is as it was to whoever has it: 304, and else what it is', async () => {
      const authorization = `Bearer ${everything}`;
      const path = '/v1/hosts/paged-0';
      const first = await raw(path, { authorization });
      const { etag = '' } = first.headers;
      assert.equal(first.status, 200);
      assert.match(etag, /^"[A-Za-z0-9_-]{27}"$/u);
      const again = await raw(path, { authorization, 'if-none-match': etag });
      assert.deepEqual([again.status, again.text], [304, '']);
      const { id } = (first.body as HostDetail).host;
      await revokeHost(verifier, BY, id, { reason: 'sold' });
      const changed = await raw(path, { authorization, 'if-none-match': etag });
      assert.equal(changed.status, 200);
      assert.notEqual(changed.headers.etag, etag);
      assert.equal((await raw(path, { 'if-none-match': etag })).status, 401, 'no token');
    });
  });

  describe('to Prometheus', () => {
    const scrape = async (bearer: string) => {
      const { status, headers, text } = await raw('/v1/metrics', {
        authorization: `Bearer ${bearer}`,
      });
      return { status, type: headers['content-type'] ?? '', text };
    };

    it('says nothing without a token: 401', async () => {
      assert.equal((await raw('/v1/metrics')).status, 401);
    });

    it('counts requests by route, refusals by code, and hosts by state and class', async () => {
      await assert.rejects(call({ ...anyRoute, path: '/v1/vms/:key' }, everything), {
        code: 'VM_UNKNOWN',
      });
      const viewer = await verifier.token(['viewer']);
      const { status, type, text } = await scrape(viewer);
      assert.equal(status, 200);
      assert.match(type, /^text\/plain; version=0\.0\.4/u);
      assert.match(
        text,
        /^touchstone_http_request_duration_seconds_count\{method="GET",route="\/v1\/vms\/:key",status="404"\} [1-9]/mu,
      );
      assert.match(
        text,
        /^touchstone_refusals_total\{route="\/v1\/vms\/:key",code="VM_UNKNOWN"\} [1-9]/mu,
      );
      assert.match(text, /^touchstone_hosts\{state="pending",class="software"\} [1-9]/mu);
      assert.match(text, /^touchstone_process_resident_memory_bytes /mu);
    });

    it('has no name, id, address or path of a caller in a label', async () => {
      const odd = 'not-a-route-of-ours';
      assert.equal((await raw(`/v1/${odd}`)).status, 404);
      const { text } = await scrape(everything);
      assert.match(text, /route="none",status="404"/u);
      assert.ok(!text.includes(odd));
      const { hosts } = await client.request({
        ...{ method: 'GET', path: '/v1/hosts', bearer: everything, schema: HostList },
      });
      assert.ok(hosts.length > 0);
      for (const { id, name, akName } of hosts) {
        for (const secret of [id, name, akName]) assert.ok(!text.includes(secret), secret);
      }
    });

    it('fills no audit log by being asked', async () => {
      await scrape(everything);
      const { entries } = await client.request({
        ...{ method: 'GET', path: '/v1/audit', bearer: everything, schema: AuditList },
      });
      assert.ok(!entries.some(({ action }) => action.includes('metrics')));
    });
  });

  it('serves nothing that its description does not tell of (I29)', () => {
    const served = createApp(verifier).middleware.flatMap((one) =>
      ((one as { router?: Router }).router?.stack ?? []).flatMap(({ methods, path }) =>
        methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
      ),
    );
    const described = describedRoutes().map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(new Set(served), new Set(described));
  });

  it('describes itself to anybody', async () => {
    const { status, body } = await raw('/v1/openapi.json');
    assert.equal(status, 200);
    assert.match((body as { openapi: string }).openapi, /^3\.1\./u);
  });

  describe('for agents', () => {
    it('gives every key that an agent must know', async () => {
      const get = { method: 'GET', path: '/v1/trust-bundle' } as const;
      const { bundles } = await client.request({ ...get, schema: TrustBundles });
      const bundle = checkAgainst(TrustBundle, decodeJwt(bundles[0] ?? ''));
      assert.equal(bundle.epoch, 1);
      assert.deepEqual(
        bundle.keys.map(({ use, jwk }) => [use, jwk.kid]),
        [
          ['result', verifier.resultKey.jwk.kid],
          ['permit', verifier.permitKey.jwk.kid],
        ],
      );
    });

    it('enrols a host by its own word and nothing more: pending', async () => {
      const host = makeHost();
      const { challenge } = await client.request({
        method: 'POST',
        path: '/v1/challenges',
        body: { akName: host.akName, purpose: 'enrol' },
        schema: ChallengeAnswer,
      });
      const answer = await client.request({
        method: 'POST',
        path: '/v1/hosts',
        body: host.enrolment(challenge, { name: 'alone' }),
        schema: HostEnrolmentAnswer,
      });
      assert.equal(answer.state, 'pending');
    });

    for (const path of ['/v1/evidence', '/v1/permits', '/v1/hosts']) {
      it(`T8 reads no body beyond its bound at ${path}: BODY_TOO_LARGE`, async () => {
        const { maxEvidenceBytes } = verifier.settings;
        await assert.rejects(
          client.request({
            method: 'POST',
            path,
            body: 'x'.repeat(maxEvidenceBytes),
            schema: Type.Unknown(),
          }),
          { code: 'BODY_TOO_LARGE', status: 413 },
        );
      });
    }

    it('knows no challenge for prove', async () => {
      await assert.rejects(
        client.request({
          method: 'POST',
          path: '/v1/challenges',
          body: { akName: makeHost().akName, purpose: 'prove' },
          schema: ChallengeAnswer,
        }),
        { code: 'SCHEMA_MISMATCH', status: 400 },
      );
    });
  });

  describe('without the time', () => {
    beforeEach(() => verifier.withoutClock(true));
    afterEach(() => verifier.withoutClock(false));
    const challenge = () =>
      client.request({
        method: 'POST',
        path: '/v1/challenges',
        body: { akName: makeHost().akName, purpose: 'attest' },
        schema: ChallengeAnswer,
      });

    it('answers nothing: CLOCK_OFF', async () => {
      const off = { code: refusal('CLOCK_OFF').code, status: 503 };
      await assert.rejects(challenge(), off);
      for (const route of OPERATOR_ROUTES) await assert.rejects(call(route, everything), off);
    });

    it('is alive, and not ready: CLOCK_OFF', async () => {
      assert.deepEqual(
        await client.request({ method: 'GET', path: '/v1/health', schema: Health }),
        {
          status: 'ok',
        },
      );
      const { status, body } = await raw('/v1/ready');
      assert.equal(status, 503);
      assert.deepEqual(body, { status: 'unavailable', reason: 'CLOCK_OFF' });
    });
  });

  it('is ready when it knows the time, the issuers and its database', async () => {
    assert.deepEqual((await raw('/v1/ready')).body, { status: 'ok' });
  });
});
