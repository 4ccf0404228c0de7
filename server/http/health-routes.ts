import { Router } from '@koa/router';
import type { Health } from '@touchstone/schemas';
import { AppError, tokenBuckets } from '@touchstone/transport';
import type { Verifier } from '../services/verifier.ts';

/** Asked by nobody in particular, and readiness asks the database. */
const BUCKETS = {
  perAddress: { burst: 60, perSecond: 20 },
  total: { burst: 600, perSecond: 200 },
} as const;

/**
 * `health` says that this process answers, and asks nobody: whoever restarts processes by it must not restart
 * them because the database is away. `ready` says that it can do its work: by it a load balancer chooses.
 */
export function healthRoutes(verifier: Verifier): Router {
  const router = new Router();
  const limit = tokenBuckets(BUCKETS);
  router.get('/v1/health', limit, (ctx) => {
    ctx.body = { status: 'ok' } satisfies Health;
  });
  router.get('/v1/ready', limit, async (ctx) => {
    const answer = await readiness(verifier);
    ctx.status = answer.status === 'ok' ? 200 : 503;
    ctx.body = answer;
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
