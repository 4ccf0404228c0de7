import type { Baseline } from '@touchstone/schemas';

/**
 * While an update is rolled out: each of `documents` is accepted beside the active ones of its name and
 * part, and from `until` on (RFC 3339, UTC) instead of them.
 */
export type UpdateWindow = {
  readonly id: string;
  readonly name: string;
  readonly documents: readonly Baseline[];
  readonly until: string;
};
