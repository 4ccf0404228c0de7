import type { Middleware } from 'koa';
import { AppError } from './app-error.ts';
import { clientAddress } from './client-address.ts';

export type Bucket = { readonly burst: number; readonly perSecond: number };

/** At most this many are remembered; the ones that waited longest are forgotten first. */
const MAX_KEYS = 10_000;

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
  const takeOwn = bucketsBy(perAddress, now);
  return async (ctx, next) => {
    takeOwn(clientAddress(ctx));
    if (!take(whole, total, now())) throw tooMany(1);
    await next();
  };
}

/**
 * One bucket for each key.
 * @throws AppError RATE_LIMITED
 */
export function bucketsBy(bucket: Bucket, now = () => performance.now()): (key: string) => void {
  const levels = new Map<string, Level>();
  return (key) => {
    const own = levels.get(key) ?? fullBucket(bucket, now());
    levels.delete(key);
    levels.set(key, own);
    if (levels.size > MAX_KEYS) levels.delete(levels.keys().next().value ?? '');
    if (!take(own, bucket, now())) throw tooMany(Math.ceil(1 / bucket.perSecond));
  };
}

const tooMany = (retryAfterSeconds: number): AppError =>
  new AppError('RATE_LIMITED', 429, {
    title: 'Too many requests',
    remedy: 'Wait a moment and try again.',
    retryAfterSeconds,
  });

type Level = { tokens: number; at: number };

const fullBucket = ({ burst }: Bucket, at: number): Level => ({ tokens: burst, at });

function take(level: Level, { burst, perSecond }: Bucket, at: number): boolean {
  level.tokens = Math.min(burst, level.tokens + ((at - level.at) / 1_000) * perSecond);
  level.at = at;
  if (level.tokens < 1) return false;
  level.tokens -= 1;
  return true;
}
