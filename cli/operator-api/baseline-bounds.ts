import { BASELINE_JSON_MAX_BYTES } from '@touchstone/schemas';
import type { Bounds } from '../bearer-routes.ts';

/** A page of baselines is as much YAML as may be drafted, and the same as documents. */
export const BASELINE_BOUNDS: Bounds = {
  maxBytes: 2 * BASELINE_JSON_MAX_BYTES,
  timeoutMs: 60_000,
};
