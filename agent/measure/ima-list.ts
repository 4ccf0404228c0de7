import { type FileHandle, open } from 'node:fs/promises';
import { IMA_SEGMENT_MAX_BYTES } from '@touchstone/schemas';
import { agentError } from '../codes.ts';

/** Where the kernel shows it: Documentation/ABI/testing/ima_policy, security/ima/. Root alone reads it. */
export const KERNEL_IMA_LIST = '/sys/kernel/security/ima/binary_runtime_measurements';

export type ImaSegment = {
  /** Whole entries. */
  readonly entries: Uint8Array;
  /** Whether the list went on when it was read. */
  readonly more: boolean;
};

/** What evidence carries of a list that is nearly through: with a firmware's log it stays a small body. */
const SEGMENT_BYTES = 196_608;
/** A list with more than this before it goes in the largest segments that there are. */
const LONG_LIST_BYTES = 1_048_576;
/** As long as a single entry may be: the kernel measures whole buffers into one. */
const MAX_ENTRY_BYTES = 1_048_576;
const BLOCK_BYTES = 65_536;

/**
 * IMA's list of this boot, read from the entry that the server asked for last. It only ever grows: what is kept of it
 * here is one place between two entries, and reading holds no more than one segment.
 */
export class ImaList {
  readonly #path: string;
  /** The entry to go on with. */
  #next = 0;
  /** An entry whose place is known. */
  #known: Place = { entry: 0, offset: 0 };

  constructor(path: string) {
    this.#path = path;
  }

  /** What the server said: it is the one that knows how far it believes the list. */
  goTo(entry: number): void {
    this.#next = entry;
  }

  /**
   * Where the next segment begins; null where the kernel shows no list. A list that ends before the entry that was
   * asked for is another one, and begins at 0.
   * @throws AppError IMA_LIST_UNREADABLE
   */
  async begin(): Promise<number | null> {
    return this.#reading(null, async (file) => {
      if (this.#known.entry > this.#next) this.#known = { entry: 0, offset: 0 };
      const found = await walk(file, this.#known, this.#next);
      this.#known = found ?? { entry: 0, offset: 0 };
      return this.#known.entry;
    });
  }

  /**
   * Entries from where `begin` said, up to the list's end as it is now or to the end of a segment.
   * @throws AppError IMA_LIST_UNREADABLE
   */
  async read({ whole = false } = {}): Promise<ImaSegment> {
    return this.#reading({ entries: new Uint8Array(), more: false }, async (file) => {
      const bytes = await readUpTo(file, this.#known.offset, IMA_SEGMENT_MAX_BYTES + 1);
      const most = whole || bytes.length > LONG_LIST_BYTES ? IMA_SEGMENT_MAX_BYTES : SEGMENT_BYTES;
      return segmentOf(bytes, most);
    });
  }

  async #reading<T>(absent: T, work: (file: FileHandle) => Promise<T>): Promise<T> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, 'r');
      return await work(file);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return absent;
      const detail = `${this.#path}: ${cause instanceof Error ? cause.message : ''}`;
      throw agentError('IMA_LIST_UNREADABLE', { detail, cause });
    } finally {
      await file?.close();
    }
  }
}

type Place = { readonly entry: number; readonly offset: number };

/** Forward, a block at a time; null where the list ends before that entry. */
async function walk(file: FileHandle, from: Place, to: number): Promise<Place | null> {
  let { entry, offset } = from;
  let block: Uint8Array = new Uint8Array();
  let start = offset;
  while (entry < to) {
    let length = entryLength(block.subarray(offset - start));
    if (length === null) {
      start = offset;
      block = await readUpTo(file, offset, BLOCK_BYTES);
      length = entryLength(block);
      if (length === null) return null;
    }
    entry += 1;
    offset += length;
  }
  return { entry, offset };
}

/** As many whole entries as fit; one that is longer goes alone. */
function segmentOf(bytes: Uint8Array, most: number): ImaSegment {
  let end = 0;
  for (;;) {
    const length = entryLength(bytes.subarray(end));
    // At the list's end, or an entry that is still being written: it comes with the next segment.
    if (length === null || end + length > bytes.length) {
      return { entries: bytes.subarray(0, end), more: bytes.length > IMA_SEGMENT_MAX_BYTES };
    }
    if (end > 0 && end + length > most) return { entries: bytes.subarray(0, end), more: true };
    end += length;
  }
}

/** A kernel's file has no size of its own, and gives what it has a page at a time. */
async function readUpTo(file: FileHandle, offset: number, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < most) {
    const wanted = Math.min(BLOCK_BYTES, most - length);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, offset + length);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(chunks);
}

const MAX_NAME_BYTES = 255;
/** PCR, SHA-1 of the template data, length of the template's name. */
const HEADER_BYTES = 4 + 20 + 4;

/**
 * How long the entry is that begins here: Documentation/security/IMA-templates.rst. null where too little of it is
 * there to tell. The first template, `ima`, has a digest and a name, and no length of both.
 * @throws RangeError for what is no list
 */
function entryLength(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number) => (at + 4 > bytes.length ? null : view.getUint32(at, true));
  const nameLength = u32(HEADER_BYTES - 4);
  if (nameLength === null) return null;
  if (nameLength === 0 || nameLength > MAX_NAME_BYTES) throw new RangeError('no IMA list');
  const data = HEADER_BYTES + nameLength;
  if (data > bytes.length) return null;
  const name = Buffer.from(bytes.subarray(HEADER_BYTES, data)).toString('latin1');
  const before = name === 'ima' ? data + 20 : data;
  const length = u32(before);
  if (length === null) return null;
  if (length > MAX_ENTRY_BYTES) throw new RangeError(`an entry of ${length} bytes`);
  return before + 4 + length;
}
