import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type pg from 'pg';
import { refuse } from '../../codes.ts';
import { connect, type DatabaseAccess } from '../../database-access.ts';
import { inSnapshot, majorVersion, readFacts, rowsOf } from '../../database-facts.ts';
import { writeDurably } from '../../durable-file.ts';
import { dumpDatabase } from '../../postgres-programs.ts';
import { counted, type Progress } from '../../progress.ts';
import { type Entry, writeArchive } from '../archive.ts';
import { touchstoneVersion } from '../manifest.ts';
import { newSealingKey, seal } from '../sealed.ts';
import { type CaManifest, readCaStanding } from './manifest.ts';
import { type CaFile, type CaPlace, filesOf, notInFiles } from './place.ts';

export type CaBackupMade = {
  readonly file: string;
  readonly bytes: number;
  readonly manifest: CaManifest;
};

/**
 * The CA alone in one sealed file, while it runs or not: its database as it is at one instant, its keys' files and what
 * opens them. Keys in a token are not in it.
 * @throws UpError
 */
export async function makeCaBackup(
  target: string,
  given: {
    readonly place: CaPlace;
    readonly database: DatabaseAccess;
    readonly passphrase: Buffer;
    readonly progress: Progress;
  },
): Promise<CaBackupMade> {
  const { place, database, passphrase, progress } = given;
  const file = resolve(target);
  if (await stat(file).catch(() => null)) throw refuse('BACKUP_EXISTS', file);
  const client = await connect(database);
  try {
    return await inSnapshot(client, async (snapshot) => {
      // After the snapshot: of a key that the database names, the file is there.
      const files = await filesOf(place);
      const manifest = await manifestOf(client, { place, files, progress });
      const key = await newSealingKey(passphrase);
      const entries = entriesOf({ manifest, files, database, snapshot, progress });
      await writeDurably(file, seal(writeArchive(entries), key));
      return { file, bytes: (await stat(file)).size, manifest };
    });
  } finally {
    await client.end();
  }
}

async function manifestOf(
  client: pg.Client,
  given: {
    readonly place: CaPlace;
    readonly files: readonly CaFile[];
    readonly progress: Progress;
  },
): Promise<CaManifest> {
  const { place, files, progress } = given;
  progress('reading what there is');
  const standing = await readCaStanding(client);
  const database = await readFacts(client);
  progress(`${rowsOf(database)} rows, ${files.length} files`);
  return {
    schema: 'touchstone/ca-backup/1',
    version: await touchstoneVersion(),
    postgresMajor: await majorVersion(client),
    ...standing,
    notIncluded: notInFiles(place),
    database,
    files: files.map(({ name }) => name),
  };
}

async function* entriesOf(given: {
  readonly manifest: CaManifest;
  readonly files: readonly CaFile[];
  readonly database: DatabaseAccess;
  readonly snapshot: string;
  readonly progress: Progress;
}): AsyncGenerator<Entry> {
  const { manifest, files, database, snapshot, progress } = given;
  yield { name: 'manifest.json', content: textOf(JSON.stringify(manifest)) };
  for (const { name, path } of files) {
    yield { name: `files/${name}`, content: createReadStream(path) };
  }
  const dump = dumpDatabase(database, { snapshot, major: manifest.postgresMajor });
  yield { name: DATABASE_ENTRY, content: counted(dump, 'dumping the database', progress) };
}

export const DATABASE_ENTRY = 'databases/touchstone_ca';

async function* textOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text, 'utf8');
}
