import assert from 'node:assert/strict';
import { Validator } from '@seriousme/openapi-schema-validator';
import { AGENT_ROUTES } from '../http/agent-routes.ts';
import { METRICS_ROUTE } from '../http/metrics-route.ts';
import { BROWSER_ROUTES } from '../http/browser-routes.ts';
import { describedRoutes } from '../http/described-routes.ts';
import { openApi } from '../http/open-api.ts';
import { OPERATOR_ROUTES } from '../http/operator-routes.ts';

type Operation = {
  readonly operationId: string;
  readonly summary: string;
  readonly security: object[];
  readonly parameters?: { readonly name: string }[];
};
const BROWSER = Object.values(BROWSER_ROUTES);

type Description = {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

describe('The description of the API', () => {
  const from = { url: 'https://verifier.test:8443', build: 'server test' };
  const text = JSON.stringify(openApi(from, describedRoutes()));
  const description = JSON.parse(text) as Description;
  const operations = Object.values(description.paths).flatMap((at) => Object.values(at));
  const operation = (method: string, path: string) =>
    description.paths[path.replace(':key', '{key}')]?.[method.toLowerCase()];

  it('is OpenAPI 3.1 by the schema of OpenAPI itself', async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(text));
    assert.ok(valid, JSON.stringify(errors ?? '').slice(0, 2_000));
    assert.match(description.openapi, /^3\.1\./u);
  });

  for (const route of [...AGENT_ROUTES, ...BROWSER, METRICS_ROUTE, ...OPERATOR_ROUTES]) {
    it(`has ${route.method} ${route.path}`, () => {
      const described = operation(route.method, route.path);
      assert.ok(described !== undefined);
      const withToken = 'role' in route ? [{ bearer: [] }] : [];
      assert.deepEqual(described.security, withToken);
    });
  }

  it('has no other route than those that are served', () => {
    const open = ['/v1/health', '/v1/metrics', '/v1/openapi.json', '/v1/ready'];
    const others = describedRoutes().filter(({ path }) => !open.includes(path));
    assert.equal(others.length, AGENT_ROUTES.length + BROWSER.length + OPERATOR_ROUTES.length);
    assert.equal(operations.length, describedRoutes().length);
  });

  it('gives each operation a name of its own, and says what it does', () => {
    assert.equal(new Set(operations.map((one) => one.operationId)).size, operations.length);
    for (const { summary } of operations) assert.ok(summary.length > 3);
  });

  it('says which lists come in pages', () => {
    for (const { path, method, paged } of OPERATOR_ROUTES) {
      const names = (operation(method, path)?.parameters ?? []).map(({ name }) => name);
      assert.equal(names.includes('cursor') && names.includes('limit'), paged === true, path);
    }
  });

  it('refers to no schema that it does not hold', () => {
    const referred = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/gu)];
    assert.ok(referred.length > 50);
    for (const [, name = ''] of referred) assert.ok(name in description.components.schemas, name);
  });
});
