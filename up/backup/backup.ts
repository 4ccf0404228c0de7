import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type pg from 'pg';
import { refuse } from '../codes.ts';
import { connect, DATABASES, type Postgres } from '../database-access.ts';
import { inSnapshot, majorVersion, readFacts, rowsOf } from '../database-facts.ts';
import { filesToKeep } from '../data-directory.ts';
import { writeDurably } from '../durable-file.ts';
import { UpError } from '../failure.ts';
import { reachPostgres } from '../postgres.ts';
import { dumpDatabase } from '../postgres-programs.ts';
import { type Entry, writeArchive } from './archive.ts';
import { addressOf, type Manifest, readStanding, touchstoneVersion } from './manifest.ts';
import { counted, type Progress } from '../progress.ts';
import { newSealingKey, seal } from './sealed.ts';

export type Made = { readonly file: string; readonly bytes: number; readonly manifest: Manifest };

/**
 * The whole deployment in one sealed file, while it runs or not. Nothing of it touches a disk in clear text: the
 * dumps come through pipes. The databases are each of one instant, the server's first, so that the CA's knows of
 * every host that the server's does.
 * @throws UpError
 */
export async function makeBackup(
  target: string,
  options: { readonly dataDir: string; readonly passphrase: Buffer; readonly progress: Progress },
): Promise<Made> {
  const { dataDir, passphrase, progress } = options;
  const file = resolve(target);
  if (await stat(file).catch(() => null)) throw refuse('BACKUP_EXISTS', file);
  const address = await addressOf(dataDir);
  const postgres = await reachPostgres(dataDir, progress);
  try {
    return await withSnapshots(postgres, async (databases) => {
      const manifest = await manifestOf(dataDir, databases, { address, progress });
      const key = await newSealingKey(passphrase);
      const entries = entriesOf(dataDir, { manifest, databases, postgres, progress });
      await writeDurably(file, seal(writeArchive(entries), key)).catch(unwritable);
      return { file, bytes: (await stat(file)).size, manifest };
    });
  } finally {
    await postgres.child?.stop('SIGINT');
  }
}

type Databases = Readonly<
  Record<keyof typeof DATABASES, { readonly client: pg.Client; readonly snapshot: string }>
>;

async function withSnapshots<T>(
  postgres: Postgres,
  work: (databases: Databases) => Promise<T>,
): Promise<T> {
  const asOwner = (name: keyof typeof DATABASES) =>
    connect(postgres.access(name, DATABASES[name].owner));
  const server = await asOwner('touchstone');
  try {
    return await inSnapshot(server, async (ofServer) => {
      const ca = await asOwner('touchstone_ca');
      try {
        return await inSnapshot(ca, (ofCa) =>
          work({
            touchstone: { client: server, snapshot: ofServer },
            touchstone_ca: { client: ca, snapshot: ofCa },
          }),
        );
      } finally {
        await ca.end();
      }
    });
  } finally {
    await server.end();
  }
}

async function manifestOf(
  dataDir: string,
  { touchstone, touchstone_ca }: Databases,
  { address, progress }: Pick<Manifest, 'address'> & { readonly progress: Progress },
): Promise<Manifest> {
  progress('reading what there is');
  const server = await readFacts(touchstone.client);
  const ca = await readFacts(touchstone_ca.client);
  const files = await filesToKeep(dataDir);
  progress(`${rowsOf(server) + rowsOf(ca)} rows in two databases, ${files.length} files`);
  return {
    schema: 'touchstone/backup/1',
    version: await touchstoneVersion(),
    postgresMajor: await majorVersion(touchstone.client),
    ...(await readStanding(touchstone.client)),
    address,
    databases: { touchstone: server, touchstone_ca: ca },
    files,
  };
}

async function* entriesOf(
  dataDir: string,
  given: {
    readonly manifest: Manifest;
    readonly databases: Databases;
    readonly postgres: Postgres;
    readonly progress: Progress;
  },
): AsyncGenerator<Entry> {
  const { manifest, databases, postgres, progress } = given;
  yield { name: 'manifest.json', content: textOf(JSON.stringify(manifest)) };
  for (const path of manifest.files) {
    yield { name: `files/${path}`, content: createReadStream(join(dataDir, path)) };
  }
  for (const name of ['touchstone', 'touchstone_ca'] as const) {
    const access = postgres.access(name, DATABASES[name].owner);
    const { snapshot } = databases[name];
    const dump = dumpDatabase(access, { snapshot, major: manifest.postgresMajor });
    yield { name: `databases/${name}`, content: counted(dump, `dumping ${name}`, progress) };
  }
}

async function* textOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text, 'utf8');
}

function unwritable(cause: Error): never {
  const { code } = cause as NodeJS.ErrnoException;
  if (cause instanceof UpError || code === undefined || !/^E[A-Z]+$/u.test(code)) throw cause;
  throw refuse('BACKUP_UNWRITABLE', cause.message, cause);
}
