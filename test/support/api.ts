import type { Touchstone } from './touchstone.ts';
import { fetchFrom } from './raw-http.ts';

/** One operation of an API, as its own description has it. */
export type Operation = {
  readonly method: string;
  /** With at most one parameter, `{key}`. */
  readonly path: string;
  readonly hasBody: boolean;
};

type Described = {
  readonly paths: Record<string, Record<string, { readonly requestBody?: unknown }>>;
};

/** Every operation that the server serves: the description is made from the tables that serve it. */
export async function serverOperations({ url }: Touchstone): Promise<Operation[]> {
  const { text } = await fetchFrom(url, { path: '/v1/openapi.json' });
  const { paths } = JSON.parse(text) as Described;
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      hasBody: requestBody !== undefined,
    })),
  );
}

/** Every operation of the CA. */
export const CA_OPERATIONS: readonly Operation[] = [
  { method: 'POST', path: '/v1/enrollments', hasBody: true },
  { method: 'POST', path: '/v1/enrollments/{key}/activation', hasBody: true },
  { method: 'POST', path: '/v1/enrollments/{key}/renewals', hasBody: true },
  { method: 'POST', path: '/v1/progress', hasBody: true },
  { method: 'GET', path: '/v1/bundle', hasBody: false },
  { method: 'GET', path: '/v1/crls', hasBody: false },
  { method: 'GET', path: '/v1/crls/{key}/1', hasBody: false },
  { method: 'GET', path: '/v1/tls-pins', hasBody: false },
  { method: 'GET', path: '/v1/health', hasBody: false },
];
