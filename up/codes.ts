import { UpError } from './failure.ts';

/** sysexits.h, as the operator's command uses them: DESIGN section 8. */
export const EXIT = {
  no: 1,
  usage: 64,
  malformed: 65,
  unavailable: 69,
  bug: 70,
  notPermitted: 77,
  // 128 and the signal's number, as a shell gives it for SIGINT.
  interrupted: 130,
} as const;

type Entry = {
  readonly title: string;
  readonly section: string;
  readonly remedy: string;
  readonly exit: number;
};

const entry = (exit: number, title: string, remedy: string): Entry => ({
  ...{ title, remedy, exit },
  section: 'DESIGN 8',
});

/** What `backup`, `restore` and `move` refuse, and why. @public for the page of reason codes */
export const WAYS_ON_CODES = {
  DEPLOYMENT_MISSING: entry(
    EXIT.unavailable,
    'There is no deployment in this data directory',
    'Give the --data directory of `touchstone up`, which has to have run there once.',
  ),
  PASSPHRASE_MISSING: entry(
    EXIT.usage,
    'No passphrase was given',
    'Give it by --passphrase-file FILE (- is standard input) or --passphrase-fd N: an argument could be read by everybody on this machine.',
  ),
  PASSPHRASE_TOO_SHORT: entry(
    EXIT.usage,
    'The passphrase is too short to keep the CA’s key',
    'Take one of 16 characters or more, such as `openssl rand -base64 24` gives, and keep it apart from the backup.',
  ),
  BACKUP_EXISTS: entry(
    EXIT.notPermitted,
    'There is a file of this name already, and nothing was written over it',
    'Choose another name; one with the date makes a row of them.',
  ),
  BACKUP_UNREADABLE: entry(
    EXIT.unavailable,
    'The backup cannot be read',
    'Check the path and the permissions.',
  ),
  BACKUP_UNWRITABLE: entry(
    EXIT.unavailable,
    'The backup cannot be written',
    'Check the path, the permissions and the space that is left.',
  ),
  BACKUP_NOT_ONE: entry(
    EXIT.malformed,
    'This file is no backup of Touchstone',
    'Give a file that `touchstone backup` wrote.',
  ),
  BACKUP_NEWER: entry(
    EXIT.malformed,
    'This backup was made by a newer version than this one',
    'Restore it with that version of Touchstone, or a later one.',
  ),
  BACKUP_WRONG_PASSPHRASE: entry(
    EXIT.notPermitted,
    'The passphrase does not open this backup',
    'Give the passphrase that it was made with. If it is the right one, the file’s first bytes are damaged: take another copy.',
  ),
  BACKUP_TRUNCATED: entry(
    EXIT.malformed,
    'The end of this backup is missing',
    'Take another copy of it, or an earlier backup. Nothing was written.',
  ),
  BACKUP_DAMAGED: entry(
    EXIT.malformed,
    'This backup was changed or damaged after it was made',
    'Take another copy of it, or an earlier backup. Nothing was written.',
  ),
  DATA_NOT_EMPTY: entry(
    EXIT.notPermitted,
    'The data directory is not empty, and a restore writes over nothing',
    'Choose an empty or a new directory. What lies in this one stays as it is.',
  ),
  DATA_INCOMPLETE: entry(
    EXIT.unavailable,
    'A restore into this data directory did not come to its end',
    'Remove the directory and restore again: all that is in it came from the backup.',
  ),
  DATA_MOVED: entry(
    EXIT.notPermitted,
    'The database of this data directory has moved, and where to is not there to be read',
    'Bring back database.json from a backup. The old cluster (postgres-moved) is older than the one it moved to: starting from it would bring back what was revoked.',
  ),
  DATABASE_FILE_MALFORMED: entry(
    EXIT.malformed,
    'The file that says where the databases are cannot be read',
    'Give it schema "touchstone/database/1", host, port and tls (true or false), or bring it back from where you keep it.',
  ),
  RESTORE_DIFFERS: entry(
    EXIT.bug,
    'What was loaded is not what the backup says was in the database',
    'Nothing was kept. Keep the file and the versions on both sides, and tell the developers.',
  ),
  TARGET_MALFORMED: entry(
    EXIT.usage,
    'This is no address of a PostgreSQL to move to',
    'Give it as postgres://ADMIN@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE, or with host=/SOCKET/DIRECTORY; the password by --password-file.',
  ),
  TARGET_PLAIN: entry(
    EXIT.notPermitted,
    'The way to that PostgreSQL would be in clear text, over the network',
    'Leave out sslmode, and give its CA by sslrootcert=FILE. --plain-tcp allows it where something else protects that network.',
  ),
  TARGET_UNREACHABLE: entry(
    EXIT.unavailable,
    'That PostgreSQL does not answer, or does not let this administrator in',
    'Check address, password file, its pg_hba.conf and its certificate.',
  ),
  TARGET_TOO_OLD: entry(
    EXIT.unavailable,
    'That PostgreSQL is older than version 15',
    'Move to version 15 or later.',
  ),
  TARGET_RIGHTS: entry(
    EXIT.notPermitted,
    'This administrator may not make roles or databases there',
    'Give one that is a superuser or has CREATEROLE and CREATEDB; it is needed for the move alone.',
  ),
  TARGET_FAILED: entry(
    EXIT.unavailable,
    'That PostgreSQL refused a step of the move',
    'Mend what it says and move again: the deployment runs as before.',
  ),
  TARGET_NOT_EMPTY: entry(
    EXIT.notPermitted,
    'There are databases or roles of these names already, which this move did not make',
    'They may be another deployment’s: choose another PostgreSQL, or remove them if you know that nothing uses them.',
  ),
  MOVE_WHILE_UP: entry(
    EXIT.unavailable,
    '`touchstone up` runs on this data directory',
    'Stop it first: what it wrote during the move would be lost. Running VMs stay; new starts wait until it is up again. --dry-run may run beside it.',
  ),
  MOVE_ELSEWHERE: entry(
    EXIT.notPermitted,
    'A move of this data directory to another address was begun',
    'Finish that one. To give it up instead, remove its databases and roles there, then move.json here.',
  ),
  MOVE_DIFFERS: entry(
    EXIT.bug,
    'The copy is not what it was copied from',
    'Nothing was switched: the deployment runs as before. Look for somebody who writes to the new databases, and move again.',
  ),
  BACKUP_OF_CA: entry(
    EXIT.malformed,
    'This is a backup of a CA alone',
    'Restore it with `touchstone ca restore`.',
  ),
  BACKUP_OF_ALL: entry(
    EXIT.malformed,
    'This is a backup of a whole deployment',
    'Restore it with `touchstone restore` into an empty data directory.',
  ),
  CA_CONFIG_UNREADABLE: entry(
    EXIT.malformed,
    'The configuration of the CA cannot be read',
    'Give --data DIR of `touchstone up`, or --config with the file that the CA is started with.',
  ),
  CA_STATE_UNREADABLE: entry(
    EXIT.unavailable,
    'The state directory of the CA cannot be read',
    'Run this as the user of the CA.',
  ),
  CA_NOT_MADE: entry(
    EXIT.unavailable,
    'There is no CA in this database',
    'Give the configuration of a CA whose `init` has run.',
  ),
  CA_RUNS: entry(
    EXIT.unavailable,
    'The CA runs: something is connected to its database',
    'Stop `touchstone up`, or the CA and its issuance; hosts keep the certificates that they have.',
  ),
  CA_THERE: entry(
    EXIT.notPermitted,
    'There is a CA in this place already, and a restore writes over nothing',
    'To put the backup in its place, say --replace: the present CA is first backed up beside its keys, under the same passphrase, and its files are kept under other names.',
  ),
  CA_EPOCH_OLDER: entry(
    EXIT.no,
    'This backup is older than what the server knows of the CA',
    'Take a newer backup if there is one. To go on from this one all the same, say --accept-older-epoch: hosts renew, and what is named has to be done again.',
  ),
  CA_EPOCH_UNKNOWN: entry(
    EXIT.no,
    'Nobody here knows whether this backup is the newest: the server’s database is not at hand',
    'Say --epoch-seen N with the epoch that `touchstone ca status` shows; or --accept-older-epoch to go on without.',
  ),
  UP_NOT_RUNNING: entry(
    EXIT.unavailable,
    '`touchstone up` does not run on this data directory',
    'Start it first: hosts hear of the next TLS keys from the running server, before they are used.',
  ),
  TLS_NOT_SHOWN: entry(
    EXIT.unavailable,
    'A process does not show its new TLS key yet',
    'Read the logs in the data directory. Starting `touchstone up` anew shows it in any case.',
  ),
  POSTGRES_TOOLS_OLD: entry(
    EXIT.unavailable,
    'The programs of PostgreSQL on this machine are older than the PostgreSQL that they have to read',
    'Install the package postgresql-client of its version.',
  ),
} as const satisfies Record<string, Entry>;

type WaysOnCode = keyof typeof WAYS_ON_CODES;

export function refuse(code: WaysOnCode, detail?: string, cause?: unknown): UpError {
  const { title, remedy } = WAYS_ON_CODES[code];
  return new UpError(code, detail === undefined ? title : `${title}: ${detail}`, remedy, cause);
}

/** What ends with that code. */
export function exitOf(code: string): number {
  if (code === 'INTERRUPTED') return EXIT.interrupted;
  if (code === 'USAGE') return EXIT.usage;
  const known = Object.hasOwn(WAYS_ON_CODES, code);
  return known ? WAYS_ON_CODES[code as WaysOnCode].exit : EXIT.unavailable;
}
