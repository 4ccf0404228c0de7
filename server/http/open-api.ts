import * as wire from '@touchstone/schemas';
import type { TSchema } from 'typebox';

export type DescribedRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With at most one parameter, `:key`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: 'open' | 'agents' | 'operators' | 'browsers';
  readonly role?: wire.Role;
  readonly key?: TSchema;
  readonly query?: Readonly<Record<string, TSchema>>;
  readonly body?: TSchema;
  readonly answer: TSchema;
  readonly mediaType?: string;
};

/** Each schema that the wire names, so that wherever it stands it is named again. */
const NAMED = Object.entries(wire).filter(
  ([name, value]) => /^[A-Z]/u.test(name) && isSchema(value),
);
const NAME_OF_SCHEMA = new Map<unknown, string>(NAMED.map(([name, value]) => [value, name]));
/** Where it is optional it is a copy, and told by its text; of two with one text none is. */
const NAMES_OF_TEXT = Map.groupBy(NAMED, ([, value]) => JSON.stringify(value));

function nameOf(schema: object): string | undefined {
  const same = NAMES_OF_TEXT.get(JSON.stringify(schema)) ?? [];
  return NAME_OF_SCHEMA.get(schema) ?? (same.length === 1 ? same[0]?.[0] : undefined);
}

/**
 * The API in OpenAPI 3.1, whose schemas are JSON Schema 2020-12 as ours are: made from the very tables that
 * serve it, so that it cannot tell of another API.
 */
export function openApi(
  { url, build }: { readonly url: string; readonly build: string },
  routes: readonly DescribedRoute[],
): object {
  const named = new Map<string, unknown>();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const at = (paths[route.path.replace(':key', '{key}')] ??= {});
    at[route.method.toLowerCase()] = operationOf(route, named);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Touchstone verifier',
      version: build,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url }],
    tags: [
      { name: 'open', description: 'For anybody: no secret is shown and nothing is changed.' },
      { name: 'agents', description: 'No bearer token: what counts is signed by an AK.' },
      { name: 'operators', description: 'With a bearer token that has the role which is named.' },
      { name: 'browsers', description: 'For the fleet page: a cookie reads what `viewer` reads.' },
    ],
    paths,
    components: {
      schemas: Object.fromEntries([...named].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(route: DescribedRoute, named: Map<string, unknown>): object {
  const { method, path, summary, tag, mediaType, role, key, query = {}, body, answer } = route;
  const ref = (schema: TSchema) => referring(schema, named);
  const json = (schema: TSchema) => ({ 'application/json': { schema: ref(schema) } });
  const parameters = [
    ...(key === undefined ? [] : [{ name: 'key', in: 'path', required: true, schema: ref(key) }]),
    ...Object.entries(query).map(([name, schema]) => ({ name, in: 'query', schema: ref(schema) })),
  ];
  return {
    operationId: idOf(method, path),
    summary,
    tags: [tag],
    ...(role === undefined
      ? { security: [] }
      : { security: [{ bearer: [] }], description: `Role: ${role}.`, 'x-role': role }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      200: {
        description: 'As asked',
        content: mediaType === undefined ? json(answer) : { [mediaType]: { schema: ref(answer) } },
      },
      default: {
        description: 'Refused or failed: problem details (RFC 9457)',
        content: { 'application/problem+json': { schema: ref(wire.Problem) } },
      },
    },
  };
}

const idOf = (method: string, path: string): string =>
  [method.toLowerCase(), ...path.split(/[^A-Za-z]+/u).filter((word) => word !== '' && word !== 'v')]
    .map((word, index) => (index === 0 ? word : `${word.charAt(0).toUpperCase()}${word.slice(1)}`))
    .join('');

/** The schema with a reference in place of each part that has a name; the named ones are gathered. */
function referring(schema: unknown, named: Map<string, unknown>): unknown {
  if (schema === null || typeof schema !== 'object') return schema;
  if (Array.isArray(schema)) return schema.map((one) => referring(one, named));
  const name = nameOf(schema);
  if (name === undefined) return partsOf(schema, named);
  if (!named.has(name)) {
    named.set(name, {});
    named.set(name, partsOf(schema, named));
  }
  return { $ref: `#/components/schemas/${name}` };
}

const partsOf = (schema: object, named: Map<string, unknown>): unknown =>
  Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, referring(value, named)] as const),
  );

function isSchema(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return 'type' in value || 'anyOf' in value || 'const' in value || 'enum' in value;
}
