import type { AgentCheck } from '@touchstone/schemas';
import { fault, ok, warning } from './check.ts';

const SUBJECT = 'clock';
/** The header has whole seconds, and is some time under way. Renewals and bundles end by days. */
const UNREMARKABLE_MS = 30_000;
const FAULT_MS = 3_600_000;

/** This host's clock against the server's, as its Date header gave it over the pinned connection. */
export function checkClock(now: Date, server: Date | null): AgentCheck {
  if (server === null || Number.isNaN(server.getTime())) {
    return warning('CHECK_FAILED', SUBJECT, 'the server’s clock is not known');
  }
  const aheadMs = now.getTime() - server.getTime();
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  const detail = `${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the server’s`;
  if (Math.abs(aheadMs) <= UNREMARKABLE_MS) return ok(SUBJECT, detail);
  const state = Math.abs(aheadMs) > FAULT_MS ? fault : warning;
  return state('CLOCK_SKEWED', SUBJECT, detail);
}
