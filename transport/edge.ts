import { randomUUID } from 'node:crypto';
import Koa from 'koa';
import type { Logger } from 'pino';
import { AppError } from './app-error.ts';
import { problemOf } from './problem.ts';
import { withoutSecrets } from './without-secrets.ts';

/** What answers some of an edge's paths and leaves the others to the next. */
export type Route = Koa.Middleware;

/**
 * A Koa application whose every failure is a problem (RFC 9457) with a code, whose every answer names
 * its request, and which tells browsers to keep nothing and run nothing.
 */
export function createEdge({ log }: { readonly log?: Logger } = {}): Koa {
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx, next) => {
    const requestId = randomUUID();
    ctx.set({
      'x-request-id': requestId,
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined) throw notFound(ctx);
      if (ctx.status === 405 && ctx.body === undefined) throw methodNotAllowed(ctx);
    } catch (error) {
      answerProblem(ctx, error);
      logFailure(log, ctx, requestId, error);
    }
  });
  return app;
}

function answerProblem(ctx: Koa.Context, error: unknown): void {
  const problem = problemOf(error);
  ctx.status = problem.status;
  ctx.body = JSON.stringify(problem);
  ctx.type = 'application/problem+json';
  if (error instanceof AppError && error.retryAfterSeconds !== undefined) {
    ctx.set('retry-after', String(error.retryAfterSeconds));
  }
  // A body that nobody read would otherwise be drained for as long as its sender likes.
  if (!ctx.req.complete) ctx.set('connection', 'close');
}

function logFailure(
  log: Logger | undefined,
  ctx: Koa.Context,
  requestId: string,
  error: unknown,
): void {
  const path = withoutSecrets(ctx.path);
  const line = { requestId, method: ctx.method, path, status: ctx.status };
  if (ctx.status >= 500) log?.error({ ...line, err: error }, 'request failed');
  else log?.info({ ...line, code: problemOf(error).code }, 'request refused');
}

const notFound = (ctx: Koa.Context): AppError =>
  new AppError('NOT_FOUND', 404, { title: 'Nothing is at this address', detail: ctx.path });

const methodNotAllowed = (ctx: Koa.Context): AppError =>
  new AppError('METHOD_NOT_ALLOWED', 405, {
    title: 'This address does not take this method',
    detail: `${ctx.method} ${ctx.path}`,
  });
