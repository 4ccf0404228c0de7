import { Router } from '@koa/router';
import type Koa from 'koa';
import { createEdge } from '@touchstone/transport';
import type { Verifier } from '../services/verifier.ts';
import { agentRoutes } from './agent-routes.ts';
import { browserRoutes } from './browser-routes.ts';
import { createMetrics } from './metrics.ts';
import { metricsRoute } from './metrics-route.ts';
import { openRoutes } from './open-routes.ts';
import { serveOperatorCall } from './operator-call.ts';
import { OPERATOR_ROUTES } from './operator-routes.ts';
import { NO_PAGE, type Page, servePage } from './page.ts';

/** The verifier's HTTP API and its page. Everything that says something of hosts needs to know the time. */
export function createApp(verifier: Verifier, page: Page = NO_PAGE): Koa {
  const app = createEdge({ log: verifier.log });
  const metrics = createMetrics(verifier);
  app.use(metrics.observe);
  app.use(openRoutes(verifier).routes());
  app.use(servePage(page));
  app.use((_ctx, next) => {
    verifier.clock.now();
    return next();
  });

  app.use(metricsRoute(verifier, metrics).routes());
  const agents = agentRoutes(verifier);
  const operators = new Router();
  for (const route of OPERATOR_ROUTES) {
    operators.register(route.path, [route.method], (ctx) =>
      serveOperatorCall(verifier, route, ctx),
    );
  }
  const browsers = browserRoutes(verifier);
  app.use(browsers.routes());
  app.use(operators.routes());
  app.use(agents.routes());
  app.use(browsers.allowedMethods());
  app.use(operators.allowedMethods());
  app.use(agents.allowedMethods());
  return app;
}
