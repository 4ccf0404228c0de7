import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type pg from 'pg';
import { refuse } from '../../codes.ts';
import type { DatabaseAccess } from '../../database-access.ts';
import { differences, inSnapshot, majorVersion, readFacts } from '../../database-facts.ts';
import { syncDirectory } from '../../durable-file.ts';
import { loadDatabase } from '../../postgres-programs.ts';
import type { Progress } from '../../progress.ts';
import { HOUSE } from '../../rooms.ts';
import type { Entry } from '../archive.ts';
import type { BackupKind, OpenBackup } from '../open.ts';
import { DATABASE_ENTRY } from './backup.ts';
import { emptyDatabase } from './emptiness.ts';
import { type CaManifest, caManifestIn } from './manifest.ts';
import { type CaPlace, pathOf } from './place.ts';

export const CA_BACKUP: BackupKind<CaManifest> = {
  manifestIn: caManifestIn,
  entriesOf: ({ files }) => [...files.map((name) => `files/${name}`), DATABASE_ENTRY],
};

/** Asked before anything is written. @throws UpError BACKUP_NEWER */
export async function refuseNewerCa(manifest: CaManifest, client: pg.Client | null): Promise<void> {
  const { database, postgresMajor, version } = manifest;
  const known = await readdir(join(HOUSE, 'ca/store/migrations'));
  const unknown = database.migrations.find((each) => !known.includes(`${each}.sql`));
  if (unknown !== undefined)
    throw refuse('BACKUP_NEWER', `version ${version}, which has ${unknown}`);
  const major = client === null ? postgresMajor : await majorVersion(client);
  if (postgresMajor > major) {
    throw refuse('BACKUP_NEWER', `PostgreSQL ${postgresMajor}; this one is ${major}`);
  }
}

export type PutCa = {
  readonly place: CaPlace;
  readonly database: DatabaseAccess;
  readonly client: pg.Client;
  readonly progress: Progress;
};

/**
 * Files and database into a place where neither is. What fails takes all of it away again: a half of a CA would be
 * another CA.
 * @throws UpError RESTORE_DIFFERS
 */
export async function putCa(
  { manifest, entries }: OpenBackup<CaManifest>,
  put: PutCa,
): Promise<readonly string[]> {
  const written: string[] = [];
  const leftOut: string[] = [];
  try {
    for await (const entry of entries('restoring')) {
      await putEntry(entry, put, { manifest, written, leftOut });
    }
    put.progress('comparing with what the backup says');
    const found = await inSnapshot(put.client, () => readFacts(put.client));
    const wrong = differences(manifest.database, found);
    if (wrong.length > 0) throw refuse('RESTORE_DIFFERS', wrong.join(', '));
    return leftOut;
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    await emptyDatabase(put.client).catch(() => undefined);
    throw error;
  }
}

async function putEntry(
  { name, content }: Entry,
  { place, database, progress }: PutCa,
  noted: { readonly manifest: CaManifest; readonly written: string[]; readonly leftOut: string[] },
): Promise<void> {
  if (name === DATABASE_ENTRY) {
    progress('loading the database');
    const dump = Readable.from(content);
    return loadDatabase(database, { dump, major: noted.manifest.postgresMajor });
  }
  const named = name.startsWith('files/') ? name.slice('files/'.length) : null;
  const path = named === null ? null : pathOf(place, named);
  const kept = path !== null && named?.startsWith('tls/') === true && (await isThere(path));
  if (path === null || kept) {
    // The TLS key that is there is the one that hosts and server know.
    if (named !== null && !kept) noted.leftOut.push(named);
    for await (const _piece of content);
    return;
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600);
  noted.written.push(path);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
