import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { readStateFile, writeStateFile } from '../state/state-file.ts';

/** As stat(2) has it; all of it changes with what is written, whoever writes by the usual calls. */
export type FileIdentity = {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
};

const MAX_ENTRIES = 2_048;
const number = Type.String({ pattern: '^-?[0-9]{1,20}$', maxLength: 21 });
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', maxLength: 64 });

const StoredDigests = Type.Object(
  {
    /** Of this boot alone: what happened to a file while another system ran, no time stamp tells. */
    bootId: Type.String({ maxLength: 64 }),
    files: Type.Array(
      Type.Object(
        { dev: number, ino: number, size: number, mtimeNs: number, ctimeNs: number, sha256 },
        { additionalProperties: false },
      ),
      { maxItems: MAX_ENTRIES },
    ),
  },
  { additionalProperties: false },
);
type Stored = Type.Static<typeof StoredDigests>;

const keyOf = ({ dev, ino, size, mtimeNs, ctimeNs }: FileIdentity): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(' ');

const bootIdNow = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/** Digests of files by what stat(2) said of them, kept in a file for the rest of this boot. */
export class DigestCache {
  readonly #path: string;
  readonly #bootId: string;
  readonly #digests = new Map<string, string>();
  #writing: Promise<void> = Promise.resolve();
  #waiting = false;

  private constructor(path: string, bootId: string) {
    this.#path = path;
    this.#bootId = bootId;
  }

  /** A file that cannot be read, or is of another boot, is as none: all is read again. */
  static async open(path: string, bootId: string = bootIdNow()): Promise<DigestCache> {
    const cache = new DigestCache(path, bootId);
    const stored = await readStateFile(path, StoredDigests).catch(() => null);
    if (stored?.bootId === bootId) {
      for (const { sha256: digest, ...numbers } of stored.files) {
        cache.#digests.set(
          [numbers.dev, numbers.ino, numbers.size, numbers.mtimeNs, numbers.ctimeNs].join(' '),
          digest,
        );
      }
    }
    return cache;
  }

  get(identity: FileIdentity): string | undefined {
    const key = keyOf(identity);
    const digest = this.#digests.get(key);
    if (digest !== undefined) {
      this.#digests.delete(key);
      this.#digests.set(key, digest);
    }
    return digest;
  }

  /** Forgets the longest unused where there are too many. */
  set(identity: FileIdentity, digest: string): void {
    const key = keyOf(identity);
    this.#digests.delete(key);
    this.#digests.set(key, digest);
    for (const oldest of this.#digests.keys()) {
      if (this.#digests.size <= MAX_ENTRIES) break;
      this.#digests.delete(oldest);
    }
    this.#save();
  }

  /** Whatever was taken in is on disk; that it could not be written is no failure. */
  settled(): Promise<void> {
    return this.#writing;
  }

  #save(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#writing = this.#writing
      .then(() => {
        this.#waiting = false;
        return writeStateFile(this.#path, this.#stored());
      })
      .catch(() => undefined);
  }

  #stored(): Stored {
    const files = [...this.#digests].map(([key, digest]) => {
      const [dev = '', ino = '', size = '', mtimeNs = '', ctimeNs = ''] = key.split(' ');
      return { dev, ino, size, mtimeNs, ctimeNs, sha256: digest };
    });
    return { bootId: this.#bootId, files };
  }
}
