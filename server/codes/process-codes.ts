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
  CA_BUNDLE_OLDER: entry(
    502,
    "The CA's list of issuers is older than the one that is known, or another of the same epoch",
    'DESIGN 3',
    'Find out whether the CA was restored from a backup. The known list stays until it gives a higher epoch.',
  ),
  BUNDLE_KEY_MISSING: entry(
    503,
    'The next trust bundle has to be signed by a key that is not at hand',
    'DESIGN 3',
    'Give the bundle key before this one as `previousBundleKeyFile` until the server has started once.',
  ),
  DATABASE_UNAVAILABLE: entry(
    503,
    'The database does not answer',
    'DESIGN 6',
    'Check that PostgreSQL runs and that the server may connect.',
  ),
  SCHEMA_NEWER: entry(
    503,
    'The database was migrated by a newer version; this one would misread it',
    'DESIGN 6',
    'Start the newer version. To go back, restore the backup that was made before the upgrade.',
  ),
  SCHEMA_OLDER: entry(
    503,
    'The database lacks migrations of this version',
    'DESIGN 6',
    'Run `migrate` of this version (`touchstone up`, the compose file and the systemd unit do), then start again.',
  ),
  RETENTION_TOO_SHORT: entry(
    400,
    'The configuration keeps a kind of record for less than the least there is',
    'DESIGN 6',
    'Raise the number of days that is named, and run `migrate` again.',
  ),
} as const satisfies Record<string, CodeEntry>;
