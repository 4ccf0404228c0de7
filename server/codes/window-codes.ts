import { type CodeEntry, entry } from './entry.ts';

/** Update windows, and previews of changes. */
export const WINDOW_CODES = {
  WINDOW_UNKNOWN: entry(
    404,
    'There is no such update window',
    'DESIGN 5, Baselines',
    'List them: `touchstone baseline window list --all`.',
    'approver',
  ),
  WINDOW_OPEN: entry(
    409,
    'An update window of this name is open',
    'DESIGN 5, Baselines',
    'Wait for its end, or close it: `touchstone baseline window close NAME`.',
    'approver',
  ),
  WINDOW_TIME: entry(
    422,
    'An update window ends in the future, within 90 days',
    'DESIGN 5, Baselines',
    'Give a later or an earlier time; what is to hold for good is approved.',
    'approver',
  ),
  WINDOW_NOTHING_BESIDE: entry(
    409,
    'There is no active document that these would be beside',
    'DESIGN 5, Baselines',
    'Approve what is new of its kind: `touchstone baseline approve NAME --part PART`.',
    'approver',
  ),
  WINDOW_LAGGARDS: entry(
    409,
    'An update window has ended, and hosts are not on the new documents',
    'DESIGN 5, Baselines',
    'Update and reboot them: `touchstone baseline window show NAME` lists them, `touchstone host explain HOST` says what they run.',
    'operator',
  ),
  PREVIEW_BUSY: entry(
    503,
    'Other previews are under way',
    'DESIGN 5, Baselines',
    'Try again in a while.',
  ),
} as const satisfies Record<string, CodeEntry>;
