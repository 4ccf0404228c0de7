import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { closed, Sha256Hex, Uuid } from '@touchstone/schemas';
import type { ReadContent } from '../images/file-reader.ts';
import { readStateFile, writeStateFile } from '../state/state-file.ts';

const MAX_KEPT = 1_024;
/** libvirt completes the file, ends QEMU and calls its hook: in this order, and at once. */
const BEFORE_STOP_MS = 10_000;

const Stopped = closed({
  vm: Uuid,
  /** By the clock that files are stamped with: ms since 1970. */
  atMs: Type.Integer({ minimum: 0 }),
  /** Of the file that it was saved to then, once that was read; SHA-256. */
  digest: Type.Union([Sha256Hex, Type.Null()]),
});
const Kept = Type.Array(Stopped, { maxItems: MAX_KEPT });

/**
 * What VMs were saved to on this host. libvirt says where only when it reads the file again. So a file is known by when
 * it was last touched in any way (ctime): in the moment before the VM stopped, and not since. Decision 55.
 */
export class SavedStates {
  readonly #path: string;
  readonly #stops: Map<string, Static<typeof Stopped>>;

  private constructor(path: string, stops: Static<typeof Kept>) {
    this.#path = path;
    this.#stops = new Map(stops.map((stop) => [stop.vm, stop]));
  }

  /** @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
  static async open(stateDir: string): Promise<SavedStates> {
    const path = join(stateDir, 'saved-states.json');
    return new SavedStates(path, (await readStateFile(path, Kept)) ?? []);
  }

  /** The VM has stopped, for whatever reason. */
  async stopped(vm: string, atMs = Date.now()): Promise<void> {
    await this.#keep({ vm, atMs, digest: null });
  }

  /** SHA-256 of the file, where it is what this VM was last saved to here; else null. */
  async recognise(vm: string, file: ReadContent): Promise<string | null> {
    const stop = this.#stops.get(vm);
    if (stop === undefined) return null;
    if (stop.digest !== null) return stop.digest === file.sha256 ? file.sha256 : null;
    const changedAtMs = Number(file.ctimeNs / 1_000_000n);
    if (changedAtMs > stop.atMs || changedAtMs < stop.atMs - BEFORE_STOP_MS) return null;
    await this.#keep({ ...stop, digest: file.sha256 });
    return file.sha256;
  }

  async #keep(stop: Static<typeof Stopped>): Promise<void> {
    this.#stops.delete(stop.vm);
    this.#stops.set(stop.vm, stop);
    await writeStateFile(this.#path, [...this.#stops.values()].slice(-MAX_KEPT));
  }
}
