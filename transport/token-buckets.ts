import type { Middleware } from 'koa';
import { AppError } from './app-error.ts';
import { clientAddress } from './client-address.ts';

export type Bucket = { readonly burst: number; readonly perSecond: number };

/** At most this many addresses are remembered; the ones that waited longest are forgotten first. */
const MAX_ADDRESSES = 10_000;

/**
 * Token buckets per client address and in total: one loud client, or many, cannot keep the others
 * out for long. `now` is in milliseconds and monotonic.
 */
export function tokenBuckets(options: {
  readonly perAddress: Bucket;
  readonly total: Bucket;
  readonly now?: () => number;
}): Middleware {
  const { perAddress, total, now = () => performance.now() } = options;
  const whole = fullBucket(total, now());
  const addresses = new Map<string, Level>();
  return async (ctx, next) => {
    const address = clientAddress(ctx);
    const own = addresses.get(address) ?? fullBucket(perAddress, now());
    addresses.delete(address);
    addresses.set(address, own);
    if (addresses.size > MAX_ADDRESSES) addresses.delete(addresses.keys().next().value ?? '');
    if (!take(own, perAddress, now()) || !take(whole, total, now())) {
      throw new AppError('RATE_LIMITED', 429, {
        title: 'Too many requests',
        remedy: 'Wait a moment and try again.',
        retryAfterSeconds: 1,
      });
    }
    await next();
  };
}

type Level = { tokens: number; at: number };

const fullBucket = ({ burst }: Bucket, at: number): Level => ({ tokens: burst, at });

function take(level: Level, { burst, perSecond }: Bucket, at: number): boolean {
  level.tokens = Math.min(burst, level.tokens + ((at - level.at) / 1_000) * perSecond);
  level.at = at;
  if (level.tokens < 1) return false;
  level.tokens -= 1;
  return true;
}
