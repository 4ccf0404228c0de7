import { stat } from 'node:fs/promises';
import { encodeSoftwareEvent } from '@touchstone/eventlog';
import { hashHex } from '@touchstone/tpm';
import type { Measurement } from '../config.ts';
import { digestOfFile } from '../file-digest.ts';

/** As many as a statement holds. */
const MAX_CLAIMS = 64;
/** A kernel or an initrd; a larger file is not read for the sake of advice. */
const MAX_BYTES = 536_870_912;

type Seen = { readonly fingerprint: string; readonly digest: string };

/**
 * What a software TPM's next boot would measure otherwise than this one did, as far as files alone tell: SHA-256 of
 * the events. It is advice for a person and nothing is trusted for it, so that it may cost little: a look at each
 * file's status, and a reading only of those that changed after `measuredAtMs`, once for each change. What cannot be
 * read is left out.
 */
export class NextBoot {
  readonly #files: readonly string[];
  readonly #seen = new Map<string, Seen>();

  constructor(list: readonly Measurement[]) {
    this.#files = list.flatMap((entry) => ('file' in entry ? [entry.file] : []));
  }

  async changedSince(measuredAtMs: number): Promise<string[]> {
    const digests: string[] = [];
    for (const path of this.#files) {
      if (digests.length === MAX_CLAIMS) break;
      const digest = await this.#digestSince(path, measuredAtMs).catch(() => null);
      if (digest !== null && !digests.includes(digest)) digests.push(digest);
    }
    return digests;
  }

  async #digestSince(path: string, measuredAtMs: number): Promise<string | null> {
    const { ctimeMs, mtimeMs, size, ino } = await stat(path);
    if (ctimeMs <= measuredAtMs || size > MAX_BYTES) return null;
    const fingerprint = `${ctimeMs} ${mtimeMs} ${size} ${ino}`;
    const seen = this.#seen.get(path);
    if (seen?.fingerprint === fingerprint) return seen.digest;
    const sha256 = await digestOfFile(path);
    const digest = hashHex('sha256', encodeSoftwareEvent({ kind: 'file', path, sha256 }));
    this.#seen.set(path, { fingerprint, digest });
    return digest;
  }
}
