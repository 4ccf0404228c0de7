import type { RouterContext } from '@koa/router';
import { type CaOperator, checkAgainst, SchemaError } from '@touchstone/schemas';
import { AppError, readJson, withoutSecrets } from '@touchstone/transport';
import type { TSchema } from 'typebox';
import { caError } from '../../ca-error.ts';
import type { CaContext } from '../../enroll.ts';
import { operatorActor, operatorOf } from '../../operators/index.ts';
import { appendAudit, inTransaction } from '../../store/index.ts';
import type { OperatorRoute } from './operator-route.ts';

const BEARER = /^Bearer ([A-Za-z0-9_-]{1,128})$/u;

/** Authenticate, authorise, parse, call one service, present; and write down what was refused to whom. */
export async function serveOperatorCall(
  context: CaContext,
  route: OperatorRoute,
  ctx: RouterContext,
): Promise<void> {
  const by = await authenticated(context, ctx);
  try {
    if (route.role === 'operator' && by.role !== 'operator') {
      throw caError('ROLE_MISSING', 403, { detail: `It takes the role ${route.role}.` });
    }
    const key = keyOf(ctx, route.key);
    const query = queryOf(ctx, route);
    const body = (await bodyOf(ctx, route)) as never;
    ctx.body = present(route.answer, await route.handle({ context, by, key, query, body }));
  } catch (error) {
    await recordRefusal(context, by, { route, path: ctx.path, error });
    throw error;
  }
}

/** @throws AppError UNAUTHENTICATED, which says no more */
async function authenticated({ pool }: CaContext, ctx: RouterContext): Promise<CaOperator> {
  const [, bearer] = BEARER.exec(ctx.get('authorization')) ?? [];
  const operator = bearer === undefined ? null : await operatorOf(pool, bearer);
  if (operator !== null) return operator;
  ctx.set('www-authenticate', 'Bearer');
  throw caError('UNAUTHENTICATED', 401);
}

async function recordRefusal(
  { pool, log }: CaContext,
  by: CaOperator,
  called: { readonly route: OperatorRoute; readonly path: string; readonly error: unknown },
): Promise<void> {
  const { code } = called.error as { code?: unknown };
  const line = {
    actor: operatorActor(by),
    action: `${called.route.method} ${called.route.path}`,
    subject: withoutSecrets(called.path),
    detail: typeof code === 'string' ? code : 'INTERNAL',
  };
  // What is answered is why the call failed, and not that the log of it did too.
  await inTransaction(pool, (client) => appendAudit(client, line)).catch((err: unknown) =>
    log.error({ err, ...line }, 'a refused call was not written down'),
  );
}

/** @throws AppError ID_MALFORMED */
function keyOf(ctx: RouterContext, schema: TSchema | undefined): string {
  if (schema === undefined) return '';
  try {
    return checkAgainst(schema, ctx.params['key']) as string;
  } catch (cause) {
    if (!(cause instanceof SchemaError)) throw cause;
    throw caError('ID_MALFORMED', 400, { cause });
  }
}

/** @throws AppError QUERY_UNKNOWN; SchemaError */
function queryOf(ctx: RouterContext, { query: schemas = {} }: OperatorRoute) {
  const given: Record<string, string> = {};
  for (const [parameter, text] of Object.entries(ctx.query)) {
    const schema = Object.hasOwn(schemas, parameter) ? schemas[parameter] : undefined;
    if (schema === undefined) {
      throw new AppError('QUERY_UNKNOWN', 400, { title: 'Unknown query parameter' });
    }
    given[parameter] = checkAgainst(schema, text) as string;
  }
  return given;
}

function bodyOf(ctx: RouterContext, { body, maxBytes }: OperatorRoute): Promise<unknown> {
  if (body === undefined) return Promise.resolve(undefined);
  return readJson(ctx, body, maxBytes === undefined ? {} : { maxBytes });
}

/** An answer that breaks its own schema is our bug, and not the caller's. */
function present(schema: TSchema, answer: unknown): unknown {
  try {
    return checkAgainst(schema, answer);
  } catch (cause) {
    throw new Error('an answer does not have the shape of its schema', { cause });
  }
}
