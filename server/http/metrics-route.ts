import { Router } from '@koa/router';
import { Type } from 'typebox';
import { tokenBuckets } from '@touchstone/transport';
import type { Verifier } from '../services/verifier.ts';
import type { Metrics } from './metrics.ts';
import { authenticated } from './authenticate.ts';

/** Each scrape counts hosts in the database. */
const BUCKETS = {
  perAddress: { burst: 20, perSecond: 2 },
  total: { burst: 100, perSecond: 20 },
} as const;

export const METRICS_ROUTE = {
  method: 'GET',
  path: '/v1/metrics',
  summary: 'What this process did and how the fleet stands, for Prometheus',
  role: 'viewer',
  mediaType: 'text/plain',
  answer: Type.String(),
} as const;

/**
 * Beside the operators' calls and not among them: it is asked every few seconds, which is nothing to write down.
 * Any bearer token serves. docs/decisions/0012.
 */
export function metricsRoute(verifier: Verifier, { registry }: Metrics): Router {
  const router = new Router();
  router.get(METRICS_ROUTE.path, tokenBuckets(BUCKETS), async (ctx) => {
    await authenticated(verifier, ctx);
    const text = await registry.metrics();
    ctx.type = registry.contentType;
    ctx.body = text;
  });
  return router;
}
