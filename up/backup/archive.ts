import { createHash } from 'node:crypto';
import { refuse } from '../codes.ts';
import type { ByteReader } from './bytes.ts';

/*
 * Inside the sealed file: entries, one after the other, then a zero. An entry: 1, its name's length (16 bits), its
 * name, its content in pieces (each a length of 32 bits before it, a length of zero at the end), the content's
 * SHA-256. Nobody knows how long a dump is before it has been made, which is why it is not a tar.
 */
const END = 0;
const ENTRY = 1;
const DIGEST_BYTES = 32;
const MAX_PIECE_BYTES = 4_194_304;
/** Relative, with no way up and nothing that drives a terminal. Makers give their roots names with spaces. */
const NAME = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[^/\\\p{Cc}\ufffd]+(?:\/[^/\\\p{Cc}\ufffd]+)*$/u;
const MAX_NAME_BYTES = 4_096;

export type Entry = { readonly name: string; readonly content: AsyncIterable<Uint8Array> };

export async function* writeArchive(entries: AsyncIterable<Entry>): AsyncGenerator<Uint8Array> {
  for await (const { name, content } of entries) {
    const named = Buffer.from(name, 'utf8');
    if (!isName(name)) throw refuse('BACKUP_UNWRITABLE', `no name for an entry: ${name}`);
    yield Uint8Array.of(ENTRY, named.length >> 8, named.length & 0xff);
    yield named;
    const hash = createHash('sha256');
    for await (const piece of content) {
      if (piece.length === 0) continue;
      hash.update(piece);
      yield lengthOf(piece.length);
      yield piece;
    }
    yield lengthOf(0);
    yield hash.digest();
  }
  yield Uint8Array.of(END);
}

/**
 * The entries in their order. Each one's content is read before the next is asked for.
 * @throws UpError BACKUP_DAMAGED
 */
export async function* readArchive(archive: ByteReader): AsyncGenerator<Entry> {
  const names = new Set<string>();
  for (;;) {
    const [kind] = await exactly(archive, 1);
    if (kind === END) break;
    if (kind !== ENTRY) throw refuse('BACKUP_DAMAGED', 'an entry of an unknown kind');
    const name = (await exactly(archive, (await exactly(archive, 2)).readUInt16BE())).toString();
    if (!isName(name) || names.has(name)) throw refuse('BACKUP_DAMAGED', 'a name of an entry');
    names.add(name);
    yield { name, content: contentOf(archive, name) };
  }
  if (!(await archive.ended())) throw refuse('BACKUP_DAMAGED', 'bytes after its end');
}

const isName = (name: string): boolean =>
  NAME.test(name) && name.isWellFormed() && Buffer.byteLength(name) <= MAX_NAME_BYTES;

async function* contentOf(archive: ByteReader, name: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for (;;) {
    const length = (await exactly(archive, 4)).readUInt32BE();
    if (length === 0) break;
    if (length > MAX_PIECE_BYTES) throw refuse('BACKUP_DAMAGED', `${name}: a piece too long`);
    const piece = await exactly(archive, length);
    hash.update(piece);
    yield piece;
  }
  const digest = await exactly(archive, DIGEST_BYTES);
  if (!digest.equals(hash.digest())) throw refuse('BACKUP_DAMAGED', `the digest of ${name}`);
}

async function exactly(archive: ByteReader, length: number): Promise<Buffer> {
  const bytes = await archive.upTo(length);
  if (bytes.length < length) throw refuse('BACKUP_DAMAGED', 'it ends within an entry');
  return bytes;
}

function lengthOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
