import { Router } from '@koa/router';
import type { Health } from '@touchstone/schemas';
import { AppError, tokenBuckets } from '@touchstone/transport';
import type { Verifier } from '../services/verifier.ts';
import { describedRoutes, OPEN_ROUTES } from './described-routes.ts';
import { openApi } from './open-api.ts';

/** Asked by nobody in particular, and readiness asks the database. */
const BUCKETS = {
  perAddress: { burst: 60, perSecond: 20 },
  total: { burst: 600, perSecond: 200 },
} as const;

/** What anybody may ask: nothing of it says anything about a host. */
export function openRoutes(verifier: Verifier): Router {
  const router = new Router();
  const limit = tokenBuckets(BUCKETS);
  router.get(OPEN_ROUTES.health.path, limit, (ctx) => {
    ctx.body = { status: 'ok' } satisfies Health;
  });
  router.get(OPEN_ROUTES.ready.path, limit, async (ctx) => {
    const answer = await readiness(verifier);
    ctx.status = answer.status === 'ok' ? 200 : 503;
    ctx.body = answer;
  });
  const { publicUrl: url, build } = verifier.settings;
  const description = JSON.stringify(openApi({ url, build }, describedRoutes()));
  router.get(OPEN_ROUTES.description.path, limit, (ctx) => {
    ctx.type = 'application/json';
    ctx.body = description;
  });
  return router;
}

async function readiness({ clock, database, issuers }: Verifier): Promise<Health> {
  try {
    clock.now();
    issuers.known();
    await database.query('SELECT 1');
    return { status: 'ok' };
  } catch (error) {
    const reason = error instanceof AppError ? error.code : 'DATABASE_UNAVAILABLE';
    return { status: 'unavailable', reason };
  }
}
