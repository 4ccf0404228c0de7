import { until } from './age.ts';
import { faint, good, type Span } from './text.ts';

/** When a token is accepted no more; `gone` is what was done to one that was taken away. */
export function tokenEnd(
  {
    revokedAt,
    expiresAt,
  }: { readonly revokedAt: string | null; readonly expiresAt: string | null },
  now: Date,
  gone: string,
): Span {
  if (revokedAt !== null) return faint(gone);
  if (expiresAt === null) return 'never';
  const end = until(expiresAt, now);
  return end === 'expired' ? faint(end) : good(end);
}
