import { type CodeEntry, entry } from './entry.ts';

/** Why the server cannot serve at all. */
export const PROCESS_CODES = {
  CLOCK_OFF: entry(
    503,
    'The server does not know what time it is',
    'DESIGN 4, Attest',
    "Bring this machine's clock within 2 s of the database's, and check that the database answers.",
  ),
  ISSUERS_UNKNOWN: entry(
    503,
    'The server has no list of issuers from its CA yet',
    'DESIGN 3',
    "Check that the CA runs and that the server's pin is the CA's key.",
  ),
  DATABASE_UNAVAILABLE: entry(
    503,
    'The database does not answer',
    'DESIGN 6',
    'Check that PostgreSQL runs and that the server may connect.',
  ),
  SCHEMA_MISMATCH_DATABASE: entry(
    503,
    'The database has another schema than this server knows',
    'STYLE, HTTP and SQL',
    'Run `migrate` with the newest server, and start no older one beside it.',
  ),
} as const satisfies Record<string, CodeEntry>;
