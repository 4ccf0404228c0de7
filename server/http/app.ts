import { Router } from '@koa/router';
import type Koa from 'koa';
import type { Health } from '@touchstone/schemas';
import { AppError, createEdge } from '@touchstone/transport';
import type { Verifier } from '../services/verifier.ts';
import { agentRoutes } from './agent-routes.ts';
import { serveOperatorCall } from './operator-call.ts';
import { OPERATOR_ROUTES } from './operator-routes.ts';

/** The verifier's HTTP API. Everything but health needs to know what time it is. */
export function createApp(verifier: Verifier): Koa {
  const app = createEdge({ log: verifier.log });
  const health = new Router();
  health.get('/v1/health', async (ctx) => {
    const answer = await healthOf(verifier);
    ctx.status = answer.status === 'ok' ? 200 : 503;
    ctx.body = answer;
  });
  app.use(health.routes());
  app.use((_ctx, next) => {
    verifier.clock.now();
    return next();
  });

  const agents = agentRoutes(verifier);
  const operators = new Router();
  for (const route of OPERATOR_ROUTES) {
    operators.register(route.path, [route.method], (ctx) =>
      serveOperatorCall(verifier, route, ctx),
    );
  }
  app.use(operators.routes());
  app.use(agents.routes());
  app.use(operators.allowedMethods());
  app.use(agents.allowedMethods());
  return app;
}

async function healthOf({ clock, database }: Verifier): Promise<Health> {
  try {
    clock.now();
    await database.query('SELECT 1');
    return { status: 'ok' };
  } catch (error) {
    const reason = error instanceof AppError ? error.code : 'DATABASE_UNAVAILABLE';
    return { status: 'unavailable', reason };
  }
}
