import type { CodeEntry } from './entry.ts';

/** The process itself, its configuration and its database. */
export const PROCESS_CODES = {
  CONFIG_INVALID: {
    title: 'The configuration cannot be used',
    section: 'Configuration of the CA',
    remedy: 'Correct the field that is named, then start again.',
  },
  RETENTION_TOO_SHORT: {
    title: 'The configuration remembers ended certificates for less than the least there is',
    section: 'Configuration of the CA (retentionDays)',
    remedy: 'Raise the number of days that is named, then run `init` again.',
  },
  SCHEMA_OLDER: {
    title: 'The database lacks migrations of this version',
    section: 'Configuration of the CA (database)',
    remedy: 'Run `init`, which migrates the database, then start again.',
  },
  SCHEMA_NEWER: {
    title: 'The database was migrated by a newer version',
    section: 'Configuration of the CA (database)',
    remedy:
      'Start the newer version. To go back, restore the backup that was made before the upgrade.',
  },
} as const satisfies Record<string, CodeEntry>;
