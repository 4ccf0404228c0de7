import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { glob, open, stat } from 'node:fs/promises';
import { setImmediate as others } from 'node:timers/promises';
import { authenticodeParts } from '@touchstone/eventlog';
import { ParseError } from '@touchstone/tpm';

/** Where distributions put what firmware, shim, GRUB and systemd-boot start. */
const BOOT_IMAGES: readonly string[] = [
  ...['shim*.efi', 'grub*.efi', 'systemd-boot*.efi'].map((name) => `/boot/efi/EFI/*/${name}`),
  '/boot/efi/EFI/BOOT/*.EFI',
  '/boot/efi/EFI/Linux/*.efi',
  '/boot/vmlinuz*',
];

/** As many as a statement holds. */
const MAX_CLAIMS = 64;
const MAX_FILES = 256;
/** A unified kernel with its initrd; a larger file is not read for the sake of advice. */
const MAX_BYTES = 134_217_728;
/** Hashed at once: less than a millisecond. */
const PIECE_BYTES = 1_048_576;

/** `digest` is null for what is no image. */
type Seen = { readonly identity: string; readonly digest: string | null };
type Found = { readonly path: string; readonly status: BigIntStats };

/**
 * What a machine with a chip has on its disk to boot from: Authenticode digests, SHA-256, as its firmware would
 * measure them. It is advice for a person and nothing is trusted for it, so nobody waits for it: who asks gets what
 * the last look found, and the next look begins. A file is read once for each change. What cannot be read, is too
 * large or is no image is left out in silence; nothing is ever written.
 */
export class BootImages {
  readonly #patterns: readonly string[];
  readonly #read: typeof contentOf;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #claims: readonly string[] = [];
  #isLooking = false;

  /** Paths, or globs of them. */
  constructor(patterns: readonly string[] = BOOT_IMAGES, read = contentOf) {
    this.#patterns = patterns;
    this.#read = read;
  }

  /** The most recently changed first. */
  claims(): readonly string[] {
    if (!this.#isLooking) void this.#look();
    return this.#claims;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      await this.#lookAtAll();
    } catch {
      // The next look may do better.
    } finally {
      this.#isLooking = false;
    }
  }

  async #lookAtAll(): Promise<void> {
    const seen = new Map<string, Seen>();
    const claims = new Set<string>();
    for (const found of await this.#files()) {
      if (claims.size === MAX_CLAIMS) break;
      const one = await this.#lookAt(found).catch(() => null);
      if (one === null) continue;
      seen.set(found.path, one);
      if (one.digest !== null) claims.add(one.digest);
    }
    this.#seen = seen;
    this.#claims = [...claims];
  }

  async #files(): Promise<Found[]> {
    const found = new Map<string, Found>();
    for (const pattern of this.#patterns) {
      try {
        for await (const path of glob(pattern)) {
          if (found.size === MAX_FILES) break;
          const status = await stat(path, { bigint: true }).catch(() => null);
          if (status?.isFile() === true) found.set(path, { path, status });
        }
      } catch {
        // A directory that cannot be read has nothing to say.
      }
    }
    return [...found.values()].toSorted((a, b) => Number(b.status.mtimeNs - a.status.mtimeNs));
  }

  async #lookAt({ path, status }: Found): Promise<Seen | null> {
    if (status.size > MAX_BYTES) return null;
    const identity = identityOf(status);
    const seen = this.#seen.get(path);
    if (seen?.identity === identity) return seen;
    const bytes = await this.#read(path, identity);
    return bytes === null ? null : { identity, digest: await digestOf(bytes) };
  }
}

const identityOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(' ');

/** null where it is another by now, or changes while it is read. */
export async function contentOf(path: string, identity: string): Promise<Uint8Array | null> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const isSame = async () => identityOf(await file.stat({ bigint: true })) === identity;
  if (!(await isSame())) return null;
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) return null;
    at += bytesRead;
  }
  return (await isSame()) ? bytes : null;
}

/** In pieces, so that a VM that waits for its permit does not wait for this. null for what is no image. */
async function digestOf(bytes: Uint8Array): Promise<string | null> {
  const parts = partsOf(bytes);
  if (parts === null) return null;
  const digest = createHash('sha256');
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) {
      digest.update(part.subarray(at, at + PIECE_BYTES));
      await others();
    }
  }
  return digest.digest('hex');
}

function partsOf(bytes: Uint8Array): readonly Uint8Array[] | null {
  try {
    return authenticodeParts(bytes);
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}
