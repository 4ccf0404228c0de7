import type { RouterContext } from '@koa/router';
import type { ApiToken } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { sessionOf } from '../services/api-tokens.ts';
import { browserSessionOf } from '../services/browser-sessions.ts';
import type { Verifier } from '../services/verifier.ts';

const BEARER = /^Bearer ([A-Za-z0-9_-]{1,128})$/u;

/** RFC 6265bis, 4.1.3.2: with this prefix no other host and no plain HTTP can set it. */
export const COOKIE = '__Host-touchstone';

/**
 * Who calls: by bearer token, or by a browser's cookie. A cookie goes along whoever made the browser ask, so
 * it counts for reading alone, and only where no other credential is given.
 * @throws AppError UNAUTHENTICATED
 */
export async function authenticated(verifier: Verifier, ctx: RouterContext): Promise<ApiToken> {
  const session = await (ctx.get('authorization') === ''
    ? byCookie(verifier, ctx)
    : byToken(verifier, ctx));
  if (session !== null) return session;
  ctx.set('www-authenticate', 'Bearer');
  throw refusal('UNAUTHENTICATED');
}

/** @throws AppError UNAUTHENTICATED */
export async function authenticatedByToken(
  verifier: Verifier,
  ctx: RouterContext,
): Promise<ApiToken> {
  const session = await byToken(verifier, ctx);
  if (session !== null) return session;
  ctx.set('www-authenticate', 'Bearer');
  throw refusal('UNAUTHENTICATED');
}

async function byToken(verifier: Verifier, ctx: RouterContext): Promise<ApiToken | null> {
  const [, token] = BEARER.exec(ctx.get('authorization')) ?? [];
  return token === undefined ? null : sessionOf(verifier, token);
}

async function byCookie(verifier: Verifier, ctx: RouterContext): Promise<ApiToken | null> {
  if (ctx.method !== 'GET') return null;
  const secret = ctx.cookies.get(COOKIE);
  return secret === undefined ? null : browserSessionOf(verifier, secret);
}
