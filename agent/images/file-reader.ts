import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { DigestCache, FileIdentity } from './digest-cache.ts';
import { Turns } from './turns.ts';

/** One file as it was when it was read: its content's SHA-256 (hex) and its beginning. */
export type ReadContent = FileIdentity & { readonly sha256: string; readonly head: Uint8Array };

/** At once; of the four threads that Node reads files by. */
const PARALLEL = 2;
const CHUNK_BYTES = 262_144;
const SHORT_HEAD_BYTES = 4_096;
/** Times of files are as coarse as the kernel's tick: what was written a moment ago may be written again unseen. */
const SETTLED_MS = 2_000;
const MAX_READ_MS = 600_000;
const PROGRESS_MS = 10_000;

export type FileReaderOptions = {
  readonly cache?: DigestCache;
  readonly log?: Logger;
  /** Milliseconds since 1970, by the clock that files are stamped with. */
  readonly now?: () => number;
};

/**
 * Reads whole files for their digests: two at a time, each file once for all who ask at the same time, and not again
 * while stat(2) says of it what it said.
 */
export class FileReader {
  readonly #cache: DigestCache | undefined;
  readonly #log: Logger | undefined;
  readonly #now: () => number;
  readonly #turns = new Turns(PARALLEL);
  readonly #underWay = new Map<string, Promise<string>>();

  constructor({ cache, log, now = Date.now }: FileReaderOptions = {}) {
    this.#cache = cache;
    this.#log = log;
    this.#now = now;
  }

  /**
   * Of a regular file. Throws what open(2) and read(2) do, and for all else that has a path: a device or a pipe could
   * give the next reader something else. Throws where the file changed while it was read.
   */
  async read(path: string, headBytes: number = SHORT_HEAD_BYTES): Promise<ReadContent> {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const before = await identityOf(file);
      const sha256 = await this.#digestOf(path, file, before);
      const head = await headOf(file, headBytes);
      if (!isSame(before, await identityOf(file))) throw new Error('it changed while it was read');
      return { ...before, sha256, head };
    } finally {
      await file.close();
    }
  }

  async #digestOf(path: string, file: FileHandle, identity: FileIdentity): Promise<string> {
    const known = this.#cache?.get(identity);
    if (known !== undefined) return known;
    const key = Object.values(identity).join(' ');
    const shared = this.#underWay.get(key);
    if (shared !== undefined) return shared;
    const reading = this.#turns.take(() => this.#readWhole(path, file, identity));
    this.#underWay.set(key, reading);
    try {
      return await reading;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #readWhole(path: string, file: FileHandle, identity: FileIdentity): Promise<string> {
    const beganAt = this.#now();
    const sha256 = await this.#hash(path, file, identity.size);
    if (!isSame(identity, await identityOf(file))) throw new Error('it changed while it was read');
    const newest = identity.mtimeNs > identity.ctimeNs ? identity.mtimeNs : identity.ctimeNs;
    if (beganAt - Number(newest / 1_000_000n) > SETTLED_MS) this.#cache?.set(identity, sha256);
    return sha256;
  }

  async #hash(path: string, file: FileHandle, size: bigint): Promise<string> {
    const digest = createHash('sha256');
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const beganAt = performance.now();
    let toldAt = beganAt;
    let done = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, done);
      if (bytesRead === 0) break;
      digest.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
      const now = performance.now();
      if (now - beganAt > MAX_READ_MS) throw new Error('reading it takes longer than ten minutes');
      if (now - toldAt < PROGRESS_MS) continue;
      toldAt = now;
      this.#log?.info({ path, done, size: Number(size) }, 'reading an image for its digest');
    }
    return digest.digest('hex');
  }
}

async function identityOf(file: FileHandle): Promise<FileIdentity> {
  const status = await file.stat({ bigint: true });
  if (!status.isFile()) throw new Error('not a regular file');
  const { dev, ino, size, mtimeNs, ctimeNs } = status;
  return { dev, ino, size, mtimeNs, ctimeNs };
}

const isSame = (a: FileIdentity, b: FileIdentity): boolean =>
  a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;

async function headOf(file: FileHandle, bytes: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(bytes);
  let length = 0;
  while (length < bytes) {
    const { bytesRead } = await file.read(buffer, length, bytes - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}
