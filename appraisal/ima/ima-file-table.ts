import type { ImaFileSet } from '@touchstone/schemas';
import { imaFileLines } from './ima-file-lines.ts';

/**
 * The files of a policy in flat memory, found by the bytes of a path: one for all hosts. An entry is a number;
 * nothing is made in looking for one.
 */
export class ImaFileTable {
  readonly size: number;
  /** Paths one after another; the n-th from pathStart[n] to pathStart[n + 1]. Digests likewise. */
  readonly #paths: Buffer;
  readonly #pathStart: Uint32Array;
  readonly #digests: Buffer;
  readonly #digestStart: Uint32Array;
  readonly #sets: readonly ImaFileSet[];
  readonly #set: Uint32Array;
  readonly #hash: Int32Array;
  /** By hash of the path: entries with the same place, first to last by #next. -1 ends. */
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  /** Contents that are good anywhere: by the first four bytes of the digest. */
  readonly #anywhere: ReadonlyMap<number, readonly number[]>;

  /** Throws ImaLineError; `onSet` is told which set is read. */
  constructor(sets: readonly ImaFileSet[], onSet: (index: number) => void = () => {}) {
    const counts = sets.map(({ digests }) => lineCount(digests));
    const most = counts.reduce((sum, count) => sum + count, 0);
    const text = sets.reduce((sum, { digests }) => sum + Buffer.byteLength(digests), 0);
    const paths = Buffer.allocUnsafe(text);
    const digests = Buffer.allocUnsafe(Math.ceil(text / 2));
    this.#sets = sets;
    this.#pathStart = new Uint32Array(most + 1);
    this.#digestStart = new Uint32Array(most + 1);
    this.#set = new Uint32Array(most);
    this.#hash = new Int32Array(most);
    this.#next = new Int32Array(most).fill(-1);
    this.#head = new Int32Array(capacityFor(most)).fill(-1);
    const anywhere = new Map<number, number[]>();
    let entry = 0;
    let [pathEnd, digestEnd] = [0, 0];
    for (const [index, { digests: lines, anyPath }] of sets.entries()) {
      onSet(index);
      for (const { digest, path } of imaFileLines(lines)) {
        const [pathStart, digestStart] = [pathEnd, digestEnd];
        pathEnd += paths.write(path, pathEnd);
        digestEnd += digests.write(digest, digestEnd, 'hex');
        this.#pathStart[entry + 1] = pathEnd;
        this.#digestStart[entry + 1] = digestEnd;
        this.#set[entry] = index;
        this.#hash[entry] = hashOf(paths, pathStart, pathEnd);
        if (anyPath === true) {
          const start = digests.readUInt32LE(digestStart);
          const same = anywhere.get(start);
          if (same === undefined) anywhere.set(start, [entry]);
          else same.push(entry);
        }
        entry += 1;
      }
    }
    this.size = entry;
    this.#paths = Buffer.from(paths.subarray(0, pathEnd));
    this.#digests = Buffer.from(digests.subarray(0, digestEnd));
    this.#anywhere = anywhere;
    // From the last to the first, so that a chain has the document's order.
    for (let at = entry - 1; at >= 0; at -= 1) {
      const place = this.#hash[at]! & (this.#head.length - 1);
      this.#next[at] = this.#head[place]!;
      this.#head[place] = at;
    }
  }

  /** The first entry of this path, given in bytes; -1 for none. */
  first(bytes: Buffer, start: number, end: number): number {
    const hash = hashOf(bytes, start, end);
    return this.#seek(this.#head[hash & (this.#head.length - 1)]!, hash, bytes, start, end);
  }

  /** The next entry of the same path; -1 for none. */
  after(entry: number, bytes: Buffer, start: number, end: number): number {
    return this.#seek(this.#next[entry]!, this.#hash[entry]!, bytes, start, end);
  }

  /** Whether the entry's digest is this one, of the same length. */
  hasDigest(entry: number, bytes: Buffer, start: number, end: number): boolean {
    const from = this.#digestStart[entry]!;
    const length = this.#digestStart[entry + 1]! - from;
    if (length !== end - start) return false;
    const digests = this.#digests;
    for (let at = 0; at < length; at += 1) {
      if (digests[from + at] !== bytes[start + at]) return false;
    }
    return true;
  }

  /** The entry of a content that is good anywhere; -1 for none. */
  anywhere(bytes: Buffer, start: number, end: number): number {
    if (this.#anywhere.size === 0 || end - start < 4) return -1;
    const same = this.#anywhere.get(bytes.readUInt32LE(start)) ?? [];
    return same.find((entry) => this.hasDigest(entry, bytes, start, end)) ?? -1;
  }

  /** Some entry with this digest, whatever its path; -1 for none. Looks at all of them: for explanations. */
  withContent(bytes: Buffer, start: number, end: number): number {
    for (let entry = 0; entry < this.size; entry += 1) {
      if (this.hasDigest(entry, bytes, start, end)) return entry;
    }
    return -1;
  }

  set(entry: number): ImaFileSet {
    return this.#sets[this.#set[entry]!]!;
  }

  path(entry: number): string {
    return this.#paths.toString('utf8', this.#pathStart[entry], this.#pathStart[entry + 1]);
  }

  /** Lower-case hex. */
  digest(entry: number): string {
    return this.#digests.toString('hex', this.#digestStart[entry], this.#digestStart[entry + 1]);
  }

  #seek(from: number, hash: number, bytes: Buffer, start: number, end: number): number {
    let entry = from;
    while (entry >= 0 && !(this.#hash[entry] === hash && this.#isPath(entry, bytes, start, end))) {
      entry = this.#next[entry]!;
    }
    return entry;
  }

  #isPath(entry: number, bytes: Buffer, start: number, end: number): boolean {
    const from = this.#pathStart[entry]!;
    const length = end - start;
    if (this.#pathStart[entry + 1]! - from !== length) return false;
    const paths = this.#paths;
    for (let at = 0; at < length; at += 1) if (paths[from + at] !== bytes[start + at]) return false;
    return true;
  }
}

function lineCount(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

function capacityFor(entries: number): number {
  let capacity = 16;
  while (capacity < 2 * entries) capacity *= 2;
  return capacity;
}

/** FNV-1a. Who chooses the paths of the table is its owner, so nobody makes its chains long. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
