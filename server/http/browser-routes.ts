import { Router } from '@koa/router';
import { Type } from 'typebox';
import { BrowserSession } from '@touchstone/schemas';
import { tokenBuckets } from '@touchstone/transport';
import {
  browserSessionOf,
  closeBrowserSession,
  openBrowserSession,
} from '../services/browser-sessions.ts';
import { hostFeed } from '../services/host-feed.ts';
import { recordCall } from '../services/record-call.ts';
import type { Verifier } from '../services/verifier.ts';
import { authenticated, authenticatedByToken, COOKIE } from './authenticate.ts';
import { eventStreams } from './event-streams.ts';
import { present } from './operator-call.ts';

const BUCKETS = {
  perAddress: { burst: 30, perSecond: 1 },
  total: { burst: 300, perSecond: 30 },
} as const;

export const BROWSER_ROUTES = {
  logIn: {
    method: 'POST',
    path: '/v1/browser-sessions',
    summary: 'Exchange the bearer token for a cookie that reads',
    role: 'viewer',
    answer: BrowserSession,
  },
  logOut: {
    method: 'DELETE',
    path: '/v1/browser-sessions',
    summary: 'End the session of the cookie; answered with 204',
    answer: Type.Object({}),
  },
  events: {
    method: 'GET',
    path: '/v1/events',
    summary: 'The fleet as server-sent events: hosts once, then each change, and a beat',
    role: 'viewer',
    answer: Type.String(),
    mediaType: 'text/event-stream',
  },
} as const;

/** What only the page calls. */
export function browserRoutes(verifier: Verifier): Router {
  const router = new Router();
  const limit = tokenBuckets(BUCKETS);
  const streams = eventStreams(hostFeed(verifier), verifier.clock.now);

  router.post(BROWSER_ROUTES.logIn.path, limit, async (ctx) => {
    const by = await authenticatedByToken(verifier, ctx);
    const opened = await openBrowserSession(verifier, by);
    setCookie(ctx, opened.secret, opened.maxAgeSeconds);
    ctx.status = 201;
    ctx.body = present(BrowserSession, opened.session);
  });

  // SameSite=Strict keeps other sites from ending it, and ending one is all that they could do.
  router.delete(BROWSER_ROUTES.logOut.path, limit, async (ctx) => {
    const secret = ctx.cookies.get(COOKIE) ?? '';
    const by = await browserSessionOf(verifier, secret);
    if (by !== null) await closeBrowserSession(verifier, by, secret);
    setCookie(ctx, '', 0);
    ctx.status = 204;
  });

  router.get(BROWSER_ROUTES.events.path, limit, async (ctx) => {
    const by = await authenticated(verifier, ctx);
    await recordCall(verifier, by, {
      action: 'GET /v1/events',
      subject: ctx.path,
      outcome: 'answered',
    });
    const mayStay = () =>
      authenticated(verifier, ctx).then(
        () => true,
        () => false,
      );
    ctx.type = 'text/event-stream';
    ctx.body = streams.open({ tokenId: by.id, mayStay });
  });
  return router;
}

function setCookie(ctx: { set(name: string, value: string): void }, value: string, maxAge: number) {
  ctx.set(
    'set-cookie',
    `${COOKIE}=${value}; Path=/; Max-Age=${maxAge}; Secure; HttpOnly; SameSite=Strict`,
  );
}
