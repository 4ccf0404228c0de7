import type { Static, TSchema } from 'typebox';
import type { Client, ClientRequest } from '@touchstone/transport';
import { CliError } from './codes.ts';

/** Of an answer, where they are wider than of most. */
export type Bounds = Pick<ClientRequest<TSchema>, 'maxBytes' | 'timeoutMs'>;

/** What goes behind the path; what is undefined is not asked for. */
type Query = Readonly<Record<string, string | undefined>>;

/** Longer lists than this are asked for in parts by a program, and not read by people. */
const MAX_PAGES = 200;

export type BearerRoutes = ReturnType<typeof bearerRoutes>;

/** One request a call by the bearer of a token, to paths below `root`. Each throws what the client does. */
export function bearerRoutes(client: Client, bearer: string, root: `/${string}`) {
  const asking =
    (method: 'GET' | 'DELETE') =>
    <T extends TSchema>(path: string, schema: T, bounds?: Bounds): Promise<Static<T>> =>
      client.request({ method, bearer, path, schema, ...bounds });
  const telling =
    (method: 'POST' | 'PUT') =>
    <T extends TSchema>(
      path: string,
      body: object | undefined,
      schema: T,
      bounds?: Bounds,
    ): Promise<Static<T>> =>
      client.request({
        ...{ method, bearer, path, schema, ...bounds },
        ...(body === undefined ? {} : { body }),
      });
  return {
    at: (...segments: readonly string[]) => `${root}/${segments.map(encodeURIComponent).join('/')}`,
    get: asking('GET'),
    delete: asking('DELETE'),
    post: telling('POST'),
    put: telling('PUT'),
  };
}

export function withQuery(path: string, parameters: Query): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return given.length === 0
    ? path
    : `${path}?${new URLSearchParams(Object.fromEntries(given)).toString()}`;
}

/** A list, page after page to its end. @throws CliError LIST_TOO_LONG */
export async function wholeList<P extends { nextCursor?: string }, R>(
  ask: (cursor: { readonly cursor?: string }) => Promise<P>,
  rowsOf: (page: P) => readonly R[],
): Promise<R[]> {
  const rows: R[] = [];
  let cursor: { cursor?: string } = {};
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const page = await ask(cursor);
    rows.push(...rowsOf(page));
    if (page.nextCursor === undefined) return rows;
    cursor = { cursor: page.nextCursor };
  }
  throw new CliError('LIST_TOO_LONG');
}
