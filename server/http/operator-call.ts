import { createHash } from 'node:crypto';
import type { RouterContext } from '@koa/router';
import { type ApiToken, checkAgainst, PageLimit, SchemaError } from '@touchstone/schemas';
import { AppError, readJson, withoutSecrets } from '@touchstone/transport';
import type { TSchema } from 'typebox';
import { refusal } from '../codes.ts';
import { FIRST_PAGE, type Page } from '../services/paging.ts';
import { recordCall } from '../services/record-call.ts';
import type { Verifier } from '../services/verifier.ts';
import { authenticated } from './authenticate.ts';
import { type OperatorRoute, queryOf } from './operator-route.ts';

/** Authenticate, authorise, parse, call one service, present; and write down who called what. */
export async function serveOperatorCall(
  verifier: Verifier,
  route: OperatorRoute,
  ctx: RouterContext,
): Promise<void> {
  const by = await authenticated(verifier, ctx);
  const call = { action: `${route.method} ${route.path}`, subject: withoutSecrets(ctx.path) };
  try {
    if (!mayCall(by, route)) {
      throw refusal('ROLE_MISSING', { detail: `It takes the role ${route.role}.` });
    }
    const { name, all, page } = queryIn(ctx, route);
    const answer = await route.handle({
      verifier,
      by,
      key: keyOf(ctx, route.key),
      name,
      all,
      page,
      body: (await bodyOf(ctx, route)) as never,
    });
    // What changes anything is written down in the transaction that changes it.
    if (route.method === 'GET') await recordCall(verifier, by, { ...call, outcome: 'answered' });
    ctx.body = present(route.answer, answer);
    if (route.tagged === true) tag(ctx);
  } catch (error) {
    const outcome = (error as { code?: unknown }).code;
    await recordCall(verifier, by, {
      ...call,
      outcome: typeof outcome === 'string' ? outcome : 'INTERNAL',
    });
    throw error;
  }
}

/** RFC 9110, 8.8.3 and 13.1.2. The tag is of the answer's own bytes, so that every replica gives the same. */
function tag(ctx: RouterContext): void {
  const text = JSON.stringify(ctx.body);
  ctx.type = 'application/json';
  ctx.body = text;
  ctx.etag = createHash('sha256').update(text).digest('base64url').slice(0, 27);
  ctx.set({ 'cache-control': 'private, no-cache', vary: 'authorization, cookie' });
  if (ctx.fresh) ctx.status = 304;
}

const mayCall = ({ roles }: ApiToken, { role }: OperatorRoute): boolean =>
  role === 'viewer' ? roles.length > 0 : roles.includes(role);

/** The path's one parameter. @throws AppError ID_MALFORMED */
export function keyOf(ctx: RouterContext, schema: TSchema | undefined): string {
  if (schema === undefined) return '';
  try {
    return checkAgainst(schema, ctx.params['key']) as string;
  } catch (cause) {
    if (!(cause instanceof SchemaError)) throw cause;
    throw refusal('ID_MALFORMED', { cause });
  }
}

/** Query parameters arrive as text; what is a number there is written in digits. */
function queryIn(
  ctx: RouterContext,
  route: OperatorRoute,
): { name: string | undefined; all: boolean; page: Page } {
  const schemas = queryOf(route);
  const given: Record<string, unknown> = {};
  for (const [parameter, text] of Object.entries(ctx.query)) {
    const schema = Object.hasOwn(schemas, parameter) ? schemas[parameter] : undefined;
    if (schema === undefined) {
      throw new AppError('QUERY_UNKNOWN', 400, { title: 'Unknown query parameter' });
    }
    const digits = schema === PageLimit && typeof text === 'string' && /^\d{1,9}$/u.test(text);
    given[parameter] = checkAgainst(schema, digits ? Number(text) : text);
  }
  const { name, all, limit, cursor } = given as {
    name?: string;
    all?: string;
    limit?: number;
    cursor?: string;
  };
  return { name, all: all === 'true', page: { limit: limit ?? FIRST_PAGE.limit, cursor } };
}

function bodyOf(ctx: RouterContext, { body, maxBytes }: OperatorRoute): Promise<unknown> {
  if (body === undefined) return Promise.resolve(undefined);
  return readJson(ctx, body, maxBytes === undefined ? {} : { maxBytes });
}

/** An answer that breaks its own schema is our bug, and not the caller's. */
export function present(schema: TSchema, answer: unknown): unknown {
  try {
    return checkAgainst(schema, answer);
  } catch (cause) {
    throw new Error('an answer does not have the shape of its schema', { cause });
  }
}
