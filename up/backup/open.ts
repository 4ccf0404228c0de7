import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { refuse } from '../codes.ts';
import { UpError } from '../failure.ts';
import { type Entry, readArchive } from './archive.ts';
import { ByteReader } from './bytes.ts';
import type { Manifest } from './manifest.ts';
import { counted, type Progress } from '../progress.ts';
import { HEADER_BYTES, openSealingKey, unseal } from './sealed.ts';

const MAX_MANIFEST_BYTES = 16_777_216;

/** A backup that this passphrase opens. Its contents may be read more than once. */
export type OpenBackup<M = Manifest> = {
  readonly manifest: M;
  readonly bytes: number;
  /** Every entry, in order, the manifest first. Whole and unchanged only once they have ended. */
  entries(what: string): AsyncGenerator<Entry>;
};

/** What a kind of backup has in it: its first entry, and the names of all others in their order. */
export type BackupKind<M> = {
  /** @throws UpError for another kind, or one of a later version */
  manifestIn(text: string): M;
  entriesOf(manifest: M): readonly string[];
};

const WHOLE: BackupKind<Manifest> = {
  manifestIn,
  entriesOf: ({ files }) => [
    ...files.map((path) => `files/${path}`),
    'databases/touchstone',
    'databases/touchstone_ca',
  ],
};

/** Of a whole deployment. @throws UpError BACKUP_* */
export const openBackup = (
  file: string,
  passphrase: Buffer,
  progress: Progress,
): Promise<OpenBackup> => openBackupOf(WHOLE, file, passphrase, progress);

/**
 * Reads the whole of it once: it opens, nothing was changed, nothing is missing, every digest matches. Writes
 * nothing.
 * @throws UpError BACKUP_*
 */
export async function openBackupOf<M>(
  kind: BackupKind<M>,
  file: string,
  passphrase: Buffer,
  progress: Progress,
): Promise<OpenBackup<M>> {
  const bytes = await sizeOf(file);
  const start = fileReader(file);
  const { key } = await openSealingKey(passphrase, start.reader).finally(start.close);
  const entries = async function* (what: string): AsyncGenerator<Entry> {
    const { reader, close } = fileReader(file);
    try {
      await reader.upTo(HEADER_BYTES);
      yield* readArchive(new ByteReader(counted(unseal(reader, key), what, progress)));
    } finally {
      close();
    }
  };
  const manifest = await checked(kind, entries('reading the whole backup'));
  return { manifest, bytes, entries };
}

async function checked<M>(kind: BackupKind<M>, entries: AsyncGenerator<Entry>): Promise<M> {
  let manifest: M | null = null;
  const found: string[] = [];
  for await (const { name, content } of entries) {
    if (name === 'manifest.json') manifest = kind.manifestIn(await textOf(content));
    else {
      found.push(name);
      await drained(content);
    }
    if (manifest === null) throw refuse('BACKUP_DAMAGED', 'the manifest is not its first entry');
  }
  const whole =
    manifest !== null && JSON.stringify(found) === JSON.stringify(kind.entriesOf(manifest));
  if (manifest === null || !whole) {
    throw refuse('BACKUP_DAMAGED', 'its entries are not those that its manifest names');
  }
  return manifest;
}

async function drained(content: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _piece of content);
}

/** Authenticated by now: whoever wrote it had the passphrase, and was perhaps a later version. */
function manifestIn(text: string): Manifest {
  const manifest = JSON.parse(text) as Manifest;
  if (text.startsWith('{"schema":"touchstone/ca-backup/')) throw refuse('BACKUP_OF_CA');
  if (manifest.schema !== 'touchstone/backup/1')
    throw refuse('BACKUP_NEWER', String(manifest.schema));
  return manifest;
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of content) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_MANIFEST_BYTES) throw refuse('BACKUP_DAMAGED', 'the manifest is too long');
  }
  return Buffer.concat(pieces).toString('utf8');
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch((cause: Error) => {
    throw refuse('BACKUP_UNREADABLE', cause.message, cause);
  });
  if (!found.isFile()) throw refuse('BACKUP_NOT_ONE', file);
  return found.size;
}

function fileReader(file: string): { readonly reader: ByteReader; readonly close: () => void } {
  const stream = createReadStream(file);
  return { reader: new ByteReader(readable(stream)), close: () => stream.destroy() };
}

async function* readable(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (cause) {
    throw cause instanceof UpError ? cause : refuse('BACKUP_UNREADABLE', String(cause), cause);
  }
}
