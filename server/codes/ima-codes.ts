import { type CodeEntry, entry } from './entry.ts';

/** What comes of an IMA list before anybody judges what is in it. */
export const IMA_CODES = {
  IMA_LIST_CONTINUES: entry(
    409,
    'There is more of the IMA list than this evidence carries',
    'DESIGN 4, IMA',
    'Send the next part, with a new quote. Nothing is decided before the list leads to PCR 10.',
    'agent',
  ),
  IMA_LIST_ELSEWHERE: entry(
    409,
    'The part of the IMA list begins elsewhere than where it is awaited',
    'DESIGN 4, IMA',
    'Send it from the entry that this answer names, with a new quote.',
    'agent',
  ),
} as const satisfies Record<string, CodeEntry>;
