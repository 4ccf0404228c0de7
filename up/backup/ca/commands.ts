import { join, resolve } from 'node:path';
import type pg from 'pg';
import { runToEnd } from '../../child.ts';
import { refuse } from '../../codes.ts';
import { connect } from '../../database-access.ts';
import { UpError } from '../../failure.ts';
import { type FirstTokens, readTokens } from '../../first-tokens.ts';
import { type Progress, progressTo, sizeText } from '../../progress.ts';
import { room } from '../../rooms.ts';
import { openBackupOf, type OpenBackup } from '../open.ts';
import { newPassphrase, type PassphraseOptions, readPassphrase } from '../passphrase.ts';
import { type CaAtHand, openCa, type Where } from './at-hand.ts';
import { makeCaBackup } from './backup.ts';
import { emptyDatabase, isThere, moveAside, requireStopped } from './emptiness.ts';
import type { CaManifest } from './manifest.ts';
import { CA_BACKUP, putCa, refuseNewerCa } from './restore.ts';
import { isOlder, lossText, type Seen, whatWasSeen } from './what-is-lost.ts';

type Options = PassphraseOptions & Where & { readonly json?: true };
export type CaBackupOptions = Options & { readonly verify?: true };
export type CaRestoreOptions = Options & {
  readonly replace?: true;
  readonly acceptOlderEpoch?: true;
  readonly epochSeen?: string;
};

/** `touchstone ca backup FILE`, and `--verify` for one that is there. */
export async function caBackup(
  file: string,
  options: CaBackupOptions,
  stop: AbortSignal,
): Promise<void> {
  const progress = progressTo(process.stderr, stop);
  if (options.verify === true) {
    const passphrase = await readPassphrase(options);
    const { manifest, bytes } = await openBackupOf(CA_BACKUP, file, passphrase, progress);
    await refuseNewerCa(manifest, null);
    const text = `\nIt opens, nothing is missing, and every digest matches.\n\n${aboutText(manifest, bytes)}`;
    return print(options, { verified: true, file: resolve(file), bytes, manifest }, text);
  }
  const passphrase = await newPassphrase(options);
  const ca = await openCa(options, { alone: false, progress });
  try {
    const { place, database } = ca;
    const made = await makeCaBackup(file, { place, database, passphrase, progress });
    const text =
      `\nThe CA is backed up into ${made.file}.\n\n${aboutText(made.manifest, made.bytes)}\n` +
      'Keep it as secret as the CA, and the passphrase somewhere else.\n' +
      `Try it:  touchstone ca backup --verify ${file} --passphrase-file …\n`;
    return print(options, made, text);
  } finally {
    await ca.close();
  }
}

/** `touchstone ca restore FILE`. */
export async function caRestore(
  file: string,
  options: CaRestoreOptions,
  stop: AbortSignal,
): Promise<void> {
  const progress = progressTo(process.stderr, stop);
  const told = epochTold(options.epochSeen);
  const passphrase = await readPassphrase(options);
  const backup = await openBackupOf(CA_BACKUP, file, passphrase, progress);
  const ca = await openCa(options, { alone: true, progress });
  try {
    const client = await connect(ca.database);
    try {
      await restoreInto(backup, { ca, client, passphrase, progress, told, options });
    } finally {
      await client.end();
    }
  } finally {
    await ca.close();
  }
}

type Restoring = {
  readonly ca: CaAtHand;
  readonly client: pg.Client;
  readonly passphrase: Buffer;
  readonly progress: Progress;
  readonly told: number | null;
  readonly options: CaRestoreOptions;
};

async function restoreInto(backup: OpenBackup<CaManifest>, given: Restoring): Promise<void> {
  const { ca, client, progress, options } = given;
  const { manifest } = backup;
  await refuseNewerCa(manifest, client);
  await requireStopped(client);
  const there = await isThere(client, ca.place);
  if (there && options.replace !== true) throw refuse('CA_THERE', ca.place.stateDir);
  const present = there ? client : null;
  const seen = await whatWasSeen(manifest, { server: ca.server, present }, given.told);
  requireAccepted(manifest, seen, options);
  const aside = there ? await putAside(given) : [];
  const leftOut = await putCa(backup, { ...ca, client, progress }).catch((error: unknown) => {
    for (const path of aside) process.stderr.write(`touchstone: kept of the CA before: ${path}\n`);
    throw error;
  });
  const tokens = await bringForward(ca, seen, progress);
  const json = { restored: true, manifest, seen, aside, leftOut, caToken: tokens.first };
  const second = tokens.second === null ? {} : { secondCaToken: tokens.second };
  print(options, { ...json, ...second }, restoredText(manifest, { seen, aside, tokens }));
}

/** @throws UpError CA_EPOCH_OLDER, CA_EPOCH_UNKNOWN */
function requireAccepted(
  manifest: CaManifest,
  seen: Seen,
  { acceptOlderEpoch }: CaRestoreOptions,
): void {
  if (acceptOlderEpoch === true) return;
  if (seen.epoch === null) throw refuse('CA_EPOCH_UNKNOWN');
  if (isOlder(manifest, seen))
    throw refuse('CA_EPOCH_OLDER', lossText(manifest, seen).join('\n  '));
}

/** Nothing of what is there is lost: it is sealed beside its keys, and these stay under other names. */
async function putAside({ ca, client, passphrase, progress }: Restoring): Promise<string[]> {
  const suffix = `replaced-${new Date().toISOString().replaceAll(/[-:]|\.\d+/gu, '')}`;
  const { place, database } = ca;
  const sealed = `${place.stateDir}.${suffix}.backup`;
  const made = await makeCaBackup(sealed, { place, database, passphrase, progress }).catch(
    (cause: unknown) => {
      // A CA that is not whole has no backup; its files are kept all the same.
      if (cause instanceof UpError && cause.code === 'CA_NOT_MADE') return null;
      throw cause;
    },
  );
  const moved = await moveAside(place, suffix);
  await emptyDatabase(client);
  return [...(made === null ? [] : [made.file]), ...moved];
}

/** To this version's schema; then what the CA does with an older database. */
async function bringForward(ca: CaAtHand, seen: Seen, progress: Progress): Promise<FirstTokens> {
  progress('ending what was given out before');
  const { configFile, stateDir } = ca.place;
  const logFile = ca.dataDir === null ? `${stateDir}.restore.log` : join(ca.dataDir, 'ca.log');
  const config = ['--config', configFile];
  await runToEnd({ name: 'the CA', command: room('ca', 'init', ...config), logFile });
  const epoch = ['--epoch-seen', String(seen.epoch ?? 0)];
  const command = room('ca', 'restored', ...epoch, ...config);
  return readTokens('the CA', await runToEnd({ name: 'the CA', command, logFile }), logFile);
}

function epochTold(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^[0-9]{1,10}$/u.test(text)) return Number(text);
  throw new UpError('USAGE', `--epoch-seen ${text}`, 'Give the number that `ca status` shows.');
}

function print({ json }: Pick<Options, 'json'>, value: object, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : text);
}

function aboutText(manifest: CaManifest, bytes: number): string {
  const { createdAt, version, epoch, authorities, notIncluded, files } = manifest;
  const active = authorities.filter(({ state }) => state === 'active');
  return [
    `  made      ${createdAt}, by version ${version}`,
    `  size      ${sizeText(bytes)}, ${files.length} files`,
    `  epoch     ${epoch}`,
    ...active.map(({ role, keyId }) => `  ${role.padEnd(8)}  ${keyId}`),
    ...notIncluded.map((what) => `  NOT in it: ${what}`),
    '',
  ].join('\n');
}

function restoredText(
  manifest: CaManifest,
  done: {
    readonly seen: Seen;
    readonly aside: readonly string[];
    readonly tokens: FirstTokens;
  },
): string {
  const { seen, aside, tokens } = done;
  const older = isOlder(manifest, seen) ? lossText(manifest, seen) : [];
  return [
    '\nThe CA is restored.',
    '',
    ...(aside.length === 0 ? [] : ['What was there before is kept:', ...aside.map(indented), '']),
    ...(older.length === 0 ? [] : ['What is as it was then:', ...older.map(indented), '']),
    ...(manifest.notIncluded.length === 0
      ? []
      : ['It needs, besides this backup:', ...manifest.notIncluded.map(indented), '']),
    'All tokens of the CA have ended. The operator’s new one, printed this once:',
    '',
    indented(tokens.first ?? ''),
    ...(tokens.second === null ? [] : ['', 'For another person:', '', indented(tokens.second)]),
    '',
    'Start it, and log in again with this token behind a dot after the server’s:  tst_….tsc_…',
    'Look, before you rely on it:  touchstone ca status;  touchstone ca audit list',
    '',
  ].join('\n');
}

const indented = (line: string): string => `  ${line}`;
