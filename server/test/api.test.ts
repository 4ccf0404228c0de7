import assert from 'node:assert/strict';
import type { Router } from '@koa/router';
import { decodeJwt } from 'jose';
import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import {
  ApiToken,
  ApiTokenCreated,
  AuditList,
  ChallengeAnswer,
  Health,
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
import { createApp } from '../http/app.ts';
import { describedRoutes } from '../http/described-routes.ts';
import { OPERATOR_ROUTES } from '../http/operator-routes.ts';
import { refusal } from '../codes.ts';
import { ROLES, useApi } from './support/api-at-socket.ts';
import { makeHost } from './support/made-host.ts';

describe('The API', () => {
  const api = useApi();
  const { raw, call } = api;

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
        const expired = await api.verifier.token([...ROLES], { expired: true });
        await assert.rejects(call(route, expired), unauthenticated);
        const revoked = await api.verifier.token([...ROLES], { revoked: true });
        await assert.rejects(call(route, revoked), unauthenticated);
        const others = route.role === 'viewer' ? [] : ROLES.filter((role) => role !== route.role);
        await assert.rejects(call(route, await api.verifier.token(others)), {
          status: 403,
          code: 'ROLE_MISSING',
        });
        // With the role, the call fails at most for what it asks.
        const holder = await api.verifier.token([route.role]);
        await call(route, holder).catch((error: { status: number }) => {
          assert.ok([400, 404].includes(error.status), `${error.status}`);
        });
      });
    }

    it('writes down every call, its caller and its outcome, but no secret', async () => {
      const bearer = await api.verifier.token(['viewer']);
      await api.client.request({ method: 'GET', path: '/v1/hosts', bearer, schema: HostList });
      await assert.rejects(
        api.client.request({
          method: 'POST',
          path: '/v1/tokens',
          bearer,
          body: { name: 'x', roles: ['viewer'] },
          schema: ApiTokenCreated,
        }),
        { code: 'ROLE_MISSING' },
      );
      const get = { method: 'GET', path: '/v1/audit', bearer: api.everything } as const;
      const { entries } = await api.client.request({ ...get, schema: AuditList });
      const lines = entries.map(({ action, detail }) => `${action} ${detail}`);
      assert.ok(lines.includes('GET /v1/hosts answered'));
      assert.ok(lines.includes('POST /v1/tokens ROLE_MISSING'));
      assert.ok(!JSON.stringify(entries).includes(bearer));
    });

    it('gives out no role that the caller does not hold: TOKEN_ROLES_EXCEEDED', async () => {
      const bearer = await api.verifier.token(['operator']);
      const create = (roles: Role[]) =>
        api.client.request({
          method: 'POST',
          path: '/v1/tokens',
          bearer,
          body: { name: 'child', roles },
          schema: ApiTokenCreated,
        });
      await assert.rejects(create(['operator', 'approver']), { code: 'TOKEN_ROLES_EXCEEDED' });
      const { token } = await create(['operator']);
      const session = await api.client.request({
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
        return api.client.request({ method: 'POST', path, bearer, body, schema });
      };
      const operator = await api.verifier.token(['operator']);
      const revoke = ({ record }: { record: ApiToken }) =>
        api.client.request({
          method: 'DELETE',
          path: `/v1/tokens/${record.id}`,
          bearer: operator,
          schema: ApiToken,
        });
      const above = await create(api.everything, ['operator', 'approver']);
      await assert.rejects(revoke(above), { code: 'TOKEN_ROLES_EXCEEDED' });
      const get = { method: 'GET', path: '/v1/session', schema: Session } as const;
      await api.client.request({ ...get, bearer: above.token });
      const equal = await create(api.everything, ['operator']);
      assert.notEqual((await revoke(equal)).revokedAt, null);
    });

    it('lets nobody but an approver make a join token that approves: ROLE_MISSING', async () => {
      const create = (bearer: string, approve: boolean) =>
        api.client.request({
          method: 'POST',
          path: '/v1/join-tokens',
          bearer,
          body: { classes: ['software'], labels: {}, approve },
          schema: JoinTokenCreated,
        });
      const operator = await api.verifier.token(['operator']);
      await assert.rejects(create(operator, true), { code: 'ROLE_MISSING' });
      assert.equal((await create(operator, false)).record.approve, false);
      assert.equal((await create(api.everything, true)).record.approve, true);
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
        api.client.request({
          method: 'POST',
          path: '/v1/vms',
          bearer: api.everything,
          body,
          schema: Vm,
        });
      assert.deepEqual(await add(vm), vm);
      assert.deepEqual(await add(vm), vm);
      await assert.rejects(add({ ...vm, classes: ['discrete'] }), { code: 'VM_EXISTS' });
      await assert.rejects(add({ ...vm, uuid: randomUUID() }), { code: 'VM_EXISTS' });
    });

    for (const key of ['..%2f..', 'a%00b', 'a%0ab', 'x'.repeat(10_000), '%D0%B0', 'A']) {
      it(`T7 refuses ${key.slice(0, 12)} as a host: ID_MALFORMED`, async () => {
        await assert.rejects(
          api.client.request({
            method: 'GET',
            path: `/v1/hosts/${key}`,
            bearer: api.everything,
            schema: Type.Unknown(),
          }),
          (error: { status: number }) => error.status === 400 || error.status === 404,
        );
      });
    }
  });

  it('serves nothing that its description does not tell of (I29)', () => {
    const served = createApp(api.verifier).middleware.flatMap((one) =>
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
      const { bundles } = await api.client.request({ ...get, schema: TrustBundles });
      const bundle = checkAgainst(TrustBundle, decodeJwt(bundles[0] ?? ''));
      assert.equal(bundle.epoch, 1);
      assert.deepEqual(
        bundle.keys.map(({ use, jwk }) => [use, jwk.kid]),
        [
          ['result', api.verifier.resultKey.jwk.kid],
          ['permit', api.verifier.permitKey.jwk.kid],
        ],
      );
    });

    it('enrols a host by its own word and nothing more: pending', async () => {
      const host = makeHost();
      const { challenge } = await api.client.request({
        method: 'POST',
        path: '/v1/challenges',
        body: { akName: host.akName, purpose: 'enrol' },
        schema: ChallengeAnswer,
      });
      const answer = await api.client.request({
        method: 'POST',
        path: '/v1/hosts',
        body: host.enrolment(challenge, { name: 'alone' }),
        schema: HostEnrolmentAnswer,
      });
      assert.equal(answer.state, 'pending');
    });

    for (const path of ['/v1/evidence', '/v1/permits', '/v1/hosts']) {
      it(`T8 reads no body beyond its bound at ${path}: BODY_TOO_LARGE`, async () => {
        const { maxEvidenceBytes } = api.verifier.settings;
        await assert.rejects(
          api.client.request({
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
        api.client.request({
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
    beforeEach(() => api.verifier.withoutClock(true));
    afterEach(() => api.verifier.withoutClock(false));
    const challenge = () =>
      api.client.request({
        method: 'POST',
        path: '/v1/challenges',
        body: { akName: makeHost().akName, purpose: 'attest' },
        schema: ChallengeAnswer,
      });

    it('answers nothing: CLOCK_OFF', async () => {
      const off = { code: refusal('CLOCK_OFF').code, status: 503 };
      await assert.rejects(challenge(), off);
      for (const route of OPERATOR_ROUTES) await assert.rejects(call(route, api.everything), off);
    });

    it('is alive, and not ready: CLOCK_OFF', async () => {
      assert.deepEqual(
        await api.client.request({ method: 'GET', path: '/v1/health', schema: Health }),
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
