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
    'Give the bundle key before this one as `previousBundleKeyFile` until the server has started once. If it is lost: `touchstone keys replace-bundle-key`, by which the CA vouches for the new one.',
  ),
  SERVER_KEYS_MISSING: entry(
    503,
    'The database has no key to sign with',
    'DESIGN 3',
    'Start the server with its configured `resultKeyFile` and `permitKeyFile`: it takes them into the database.',
  ),
  SERVER_KEY_UNREADABLE: entry(
    503,
    'A key of the server does not open with the root secret of this deployment',
    'DESIGN 3',
    'Give the `rootSecretFile` that the database was used with before; a restored database needs the one of its backup.',
  ),
  SERVER_KEYS_STALE: entry(
    503,
    'This replica has not been able to look which key signs now, and signs nothing until it has',
    'DESIGN 3',
    'Check that the database answers. It looks again by itself every ten seconds.',
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
