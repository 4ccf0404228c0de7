import { Router, type RouterContext } from '@koa/router';
import {
  ActivationRequest,
  CaProgressReport,
  EnrollmentRequest,
  type Health,
  RenewalRequest,
} from '@touchstone/schemas';
import { type Bucket, readJson, tokenBuckets } from '@touchstone/transport';
import { activateEnrollment } from '../activate.ts';
import { caError } from '../ca-error.ts';
import { beginEnrollment, type CaContext } from '../enroll.ts';
import { beginRenewal } from '../renew.ts';
import { revocationListRoutes } from './revocation-list-routes.ts';
import { takeProgress } from '../rotation/index.ts';
import { activeIssuer, databaseNow, readBundle } from '../store/index.ts';
import { OPERATOR_ROUTES } from './operator/operator-routes.ts';
import { serveOperatorCall } from './operator/serve-operator-call.ts';

export type Limits = { readonly perAddress: Bucket; readonly total: Bucket };

const MAX_REQUEST_BYTES = 131_072;
const MAX_REPORT_BYTES = 300_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** What everybody polls has buckets of its own: enrolments cannot use them up. */
const READING: Limits = {
  perAddress: { burst: 100, perSecond: 20 },
  total: { burst: 1_000, perSecond: 200 },
};

/** So are those of operators. */
const OPERATING: Limits = {
  perAddress: { burst: 1_000, perSecond: 50 },
  total: { burst: 2_000, perSecond: 400 },
};

export function caRouter(context: CaContext, limits: Limits): Router {
  const router = new Router();
  const limitEnrolling = tokenBuckets(limits);
  const limitReading = tokenBuckets(READING);
  const limitOperating = tokenBuckets(OPERATING);

  router.post('/v1/enrollments', limitEnrolling, async (ctx) => {
    const request = await readJson(ctx, EnrollmentRequest, { maxBytes: MAX_REQUEST_BYTES });
    ctx.body = await beginEnrollment(context, request);
    ctx.status = 201;
  });

  router.post('/v1/enrollments/:id/activation', limitEnrolling, async (ctx) => {
    const id = idIn(ctx);
    const request = await readJson(ctx, ActivationRequest, { maxBytes: 1_024 });
    ctx.body = await activateEnrollment(context, id, request);
    ctx.status = 201;
  });

  router.post('/v1/enrollments/:id/renewals', limitEnrolling, async (ctx) => {
    const id = idIn(ctx);
    await readJson(ctx, RenewalRequest, { maxBytes: 1_024 });
    ctx.body = await beginRenewal(context, id);
    ctx.status = 201;
  });

  revocationListRoutes(router, context);

  router.post('/v1/progress', limitReading, async (ctx) => {
    const report = await readJson(ctx, CaProgressReport, { maxBytes: MAX_REPORT_BYTES });
    ctx.body = await takeProgress(context.pool, report);
  });

  router.get('/v1/bundle', limitReading, async (ctx) => {
    ctx.body = await readBundle(context.pool);
  });

  router.get('/v1/health', limitReading, async (ctx) => {
    const health = await healthOf(context);
    ctx.body = health;
    ctx.status = health.status === 'ok' ? 200 : 503;
  });

  for (const route of OPERATOR_ROUTES) {
    router.register(
      route.path,
      [route.method],
      [limitOperating, (ctx: RouterContext) => serveOperatorCall(context, route, ctx)],
    );
  }
  return router;
}

/** @throws AppError ID_MALFORMED */
function idIn(ctx: RouterContext): string {
  const id = ctx.params['id'] ?? '';
  if (UUID.test(id)) return id;
  throw caError('ID_MALFORMED', 400);
}

async function healthOf({ pool }: CaContext): Promise<Health> {
  try {
    const now = await databaseNow(pool);
    const issuer = await activeIssuer(pool);
    if (issuer !== undefined && now < issuer.notAfter) return { status: 'ok' };
    return { status: 'unavailable', reason: 'the certificate of the issuing CA has expired' };
  } catch {
    return { status: 'unavailable', reason: 'the database does not answer' };
  }
}
