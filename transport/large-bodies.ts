import type { Context, Middleware } from 'koa';
import { AppError } from './app-error.ts';
import { clientAddress } from './client-address.ts';
import { type Bucket, tokenBuckets } from './token-buckets.ts';

export type LargeBodies = {
  /** Bodies of more bytes, and those that do not say their length, are large. */
  readonly over: number;
  readonly atOnce: { readonly perAddress: number; readonly total: number };
  readonly rate: { readonly perAddress: Bucket; readonly total: Bucket };
};

/**
 * Bounds the memory and time that large bodies take from strangers: so many are in hand at once, from the
 * first byte to the answer, and so many begin in a second. Small bodies pass untouched, so that whoever sends
 * large ones keeps out others who do, and nobody else.
 */
export function boundLargeBodies({ over, atOnce, rate }: LargeBodies): Middleware {
  const limit = tokenBuckets(rate);
  const inHand = new Map<string, number>();
  let total = 0;
  return async (ctx, next) => {
    if (!isLarge(ctx, over)) return next();
    const address = clientAddress(ctx);
    const own = inHand.get(address) ?? 0;
    if (own >= atOnce.perAddress || total >= atOnce.total) throw busy();
    total += 1;
    inHand.set(address, own + 1);
    try {
      return await limit(ctx, next);
    } finally {
      total -= 1;
      const left = (inHand.get(address) ?? 1) - 1;
      if (left === 0) inHand.delete(address);
      else inHand.set(address, left);
    }
  };
}

function isLarge(ctx: Context, over: number): boolean {
  const stated = ctx.get('content-length');
  return !/^\d{1,15}$/u.test(stated) || Number(stated) > over;
}

const busy = (): AppError =>
  new AppError('BUSY', 503, {
    title: 'Too many large bodies at once',
    remedy: 'Wait a moment and try again.',
    retryAfterSeconds: 1,
  });
