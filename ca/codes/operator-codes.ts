import type { CodeEntry } from './entry.ts';

/** Who commands the CA, and how many it takes. */
export const OPERATOR_CODES = {
  UNAUTHENTICATED: {
    title: 'No valid bearer token of this CA',
    section: 'RFC 6750, 3.1',
    remedy:
      '`touchstone login` with a token of this CA (`tsc_...`) that has neither expired nor been revoked. Who holds the machine gets new ones by restoring a backup.',
  },
  ROLE_MISSING: {
    title: 'This token of the CA only reads',
    section: 'RFC 6750, 3.1',
    remedy: 'Log in with a token of the CA whose role is `operator`.',
  },
  QUORUM_WAITING: {
    title: 'One person has approved this; nothing was done yet, for it takes two',
    section: 'DESIGN 4, end',
    remedy:
      'Have another person, with a token of the CA of their own, give the same command before the time that is named. `touchstone ca approval list` shows what waits.',
  },
  QUORUM_UNREACHABLE: {
    title: 'There is no second person who could approve',
    section: 'DESIGN 4, end',
    remedy:
      'Make a token of the CA for another person first: `touchstone ca operator add --name N --person P`.',
  },
  APPROVAL_UNKNOWN: {
    title: 'No such approval waits',
    section: 'DESIGN 4, end',
    remedy: 'List those that do: `touchstone ca approval list`.',
  },
  OPERATOR_UNKNOWN: {
    title: 'No token of this CA has this id',
    section: 'Operators of the CA',
    remedy: 'Copy the id from `touchstone ca operator list`.',
  },
  OPERATOR_LAST: {
    title: 'Too few people would be left who can command this CA',
    section: 'Operators of the CA',
    remedy:
      'Make a token for somebody first: `touchstone ca operator add --name N --person P`; or lower the quorum.',
  },
  FIRST_OPERATOR_EXISTS: {
    title: 'The first token of this CA was given out before',
    section: 'Operators of the CA',
    remedy:
      'Use it. If it is lost, another operator makes a new one; if all are lost, restore a backup, which gives new ones.',
  },
} as const satisfies Record<string, CodeEntry>;
