import type { ImaFileSet } from '@touchstone/schemas';
import { imaFileLines } from './ima-file-lines.ts';

/**
 * The files of a policy in flat memory, one for all hosts: found by the bytes of a digest and a path, and nothing
 * is made in looking for one. An entry is a number.
 */
export class ImaFileTable {
  readonly size: number;
  readonly #sets: readonly ImaFileSet[];
  readonly #set: Uint32Array;
  /** Paths one after another; the n-th from pathStart[n] to pathStart[n + 1]. Digests likewise. */
  readonly #paths: DataView;
  readonly #pathStart: Uint32Array;
  readonly #digests: DataView;
  readonly #digestStart: Uint32Array;
  /** By `placeOf`: the first entry there, and by entry the next one. -1 ends. */
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  /** Contents that are good anywhere: by the first four bytes of the digest. */
  readonly #anywhere: ReadonlyMap<number, readonly number[]>;
  #byPath: ReadonlyMap<string, readonly number[]> | undefined;

  /** Throws ImaLineError; `onSet` is told which set is read. */
  constructor(sets: readonly ImaFileSet[], onSet: (index: number) => void = () => {}) {
    const most = sets.reduce((sum, { digests }) => sum + lineCount(digests), 0);
    const text = sets.reduce((sum, { digests }) => sum + Buffer.byteLength(digests), 0);
    const paths = Buffer.allocUnsafe(text);
    const digests = Buffer.allocUnsafe(Math.ceil(text / 2));
    const [pathView, digestView] = [viewOf(paths), viewOf(digests)];
    this.#sets = sets;
    this.#pathStart = new Uint32Array(most + 1);
    this.#digestStart = new Uint32Array(most + 1);
    this.#set = new Uint32Array(most);
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
        const place = this.#placeOf(digestView, digestStart, pathView, pathStart, pathEnd);
        this.#next[entry] = this.#head[place]!;
        this.#head[place] = entry;
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
    this.#paths = viewOf(Uint8Array.from(paths.subarray(0, pathEnd)));
    this.#digests = viewOf(Uint8Array.from(digests.subarray(0, digestEnd)));
    this.#anywhere = anywhere;
  }

  /** Whether this content is listed at this path, or anywhere: both given by where they lie in a list's bytes. */
  has(
    bytes: DataView,
    digestStart: number,
    digestEnd: number,
    pathStart: number,
    pathEnd: number,
  ): boolean {
    if (digestEnd - digestStart < 4) return false;
    const place = this.#placeOf(bytes, digestStart, bytes, pathStart, pathEnd);
    for (let entry = this.#head[place]!; entry >= 0; entry = this.#next[entry]!) {
      const found =
        this.#hasDigest(entry, bytes, digestStart, digestEnd) &&
        this.#hasPath(entry, bytes, pathStart, pathEnd);
      if (found) return true;
    }
    if (this.#anywhere.size === 0) return false;
    const same = this.#anywhere.get(bytes.getUint32(digestStart, true)) ?? [];
    return same.some((entry) => this.#hasDigest(entry, bytes, digestStart, digestEnd));
  }

  /** All entries of a path, in the document's order. */
  at(path: string): readonly number[] {
    if (this.#byPath === undefined) {
      // Made once one is asked for: a fleet in order has no need of it.
      const entries = Array.from({ length: this.size }, (_, entry) => entry);
      this.#byPath = Map.groupBy(entries, (entry) => this.path(entry));
    }
    return this.#byPath.get(path) ?? [];
  }

  /** Some entry with this digest, whatever its path; -1 for none. Looks at all of them: for explanations. */
  withContent(digest: Uint8Array): number {
    const view = viewOf(digest);
    for (let entry = 0; entry < this.size; entry += 1) {
      if (this.#hasDigest(entry, view, 0, digest.length)) return entry;
    }
    return -1;
  }

  set(entry: number): ImaFileSet {
    return this.#sets[this.#set[entry]!]!;
  }

  path(entry: number): string {
    return textOf(this.#paths, 'utf8', this.#pathStart[entry]!, this.#pathStart[entry + 1]!);
  }

  /** Lower-case hex. */
  digest(entry: number): string {
    return textOf(this.#digests, 'hex', this.#digestStart[entry]!, this.#digestStart[entry + 1]!);
  }

  /**
   * Of the digest's first bytes and the path's last: files of one content, and contents of one file, lie apart.
   * Who chooses what is in the table is its owner, so nobody makes its chains long.
   */
  #placeOf(
    digests: DataView,
    digestStart: number,
    paths: DataView,
    pathStart: number,
    pathEnd: number,
  ): number {
    const length = pathEnd - pathStart;
    let hash = digests.getInt32(digestStart, true) ^ length;
    for (let word = Math.min(length >> 2, PATH_WORDS_HASHED); word > 0; word -= 1) {
      hash = Math.imul(hash ^ paths.getInt32(pathEnd - 4 * word, true), 0x01000193);
    }
    return (hash ^ (hash >>> 15)) & (this.#head.length - 1);
  }

  #hasDigest(entry: number, bytes: DataView, start: number, end: number): boolean {
    const from = this.#digestStart[entry]!;
    return equalAt(this.#digests, from, this.#digestStart[entry + 1]! - from, bytes, start, end);
  }

  #hasPath(entry: number, bytes: DataView, start: number, end: number): boolean {
    const from = this.#pathStart[entry]!;
    return equalAt(this.#paths, from, this.#pathStart[entry + 1]! - from, bytes, start, end);
  }
}

/** Of four bytes. */
const PATH_WORDS_HASHED = 3;

/** Four bytes at a time: a third of the time that bytes take, or Buffer.compare. */
function equalAt(
  table: DataView,
  from: number,
  length: number,
  bytes: DataView,
  start: number,
  end: number,
): boolean {
  if (end - start !== length) return false;
  const words = length - (length % 4);
  for (let at = 0; at < words; at += 4) {
    if (table.getInt32(from + at, true) !== bytes.getInt32(start + at, true)) return false;
  }
  for (let at = words; at < length; at += 1) {
    if (table.getUint8(from + at) !== bytes.getUint8(start + at)) return false;
  }
  return true;
}

export const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

const textOf = (
  { buffer, byteOffset }: DataView,
  encoding: 'utf8' | 'hex',
  start: number,
  end: number,
): string => Buffer.from(buffer, byteOffset + start, end - start).toString(encoding);

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
