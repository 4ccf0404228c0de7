import { type CodeEntry, entry } from './entry.ts';

/** Loosening, where it takes two people. */
export const QUORUM_CODES = {
  QUORUM_WAITING: entry(
    409,
    'One person has approved this; nothing was done yet, for it takes two',
    'DESIGN 4, end',
    'Have another person, with a token of their own, give the same command before the time that is named. `touchstone approval list` shows what waits.',
    'approver',
  ),
  QUORUM_UNREACHABLE: entry(
    409,
    'There is no second person who could approve',
    'DESIGN 4, end',
    'Make a token for another person first: `touchstone token create --name N --person P --role approver`.',
    'approver',
  ),
  APPROVAL_UNKNOWN: entry(
    404,
    'No such approval waits',
    'DESIGN 4, end',
    'List those that do: `touchstone approval list`.',
    'approver',
  ),
} as const satisfies Record<string, CodeEntry>;
