import type { Static, TSchema } from 'typebox';
import { readStateFile, writeStateFile } from './state-file.ts';

/**
 * A value of a running agent that its next process is to know. It changes at once; who awaits the change knows that it is
 * on the disk. Changes that come while the file is being written share the next writing.
 */
export class Kept<T extends TSchema> {
  readonly #path: string;
  #value: Static<T>;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;
  #onDisk: Static<T> | null;

  private constructor(path: string, value: Static<T>) {
    this.#path = path;
    this.#value = value;
    this.#onDisk = value;
  }

  /** @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
  static async open<T extends TSchema>(
    path: string,
    schema: T,
    otherwise: Static<T>,
  ): Promise<Kept<T>> {
    return new Kept<T>(path, (await readStateFile(path, schema)) ?? otherwise);
  }

  get value(): Static<T> {
    return this.#value;
  }

  /** Rejects where it could not be written; the value has changed all the same. */
  change(value: Static<T>): Promise<void> {
    this.#value = value;
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        this.#writing = this.#write(this.#value);
        return this.#writing;
      });
    return this.#next;
  }

  /** What it is now is on the disk. Rejects where it could not be written, this time either. */
  settled(): Promise<void> {
    return this.#onDisk === this.#value ? Promise.resolve() : this.change(this.#value);
  }

  async #write(value: Static<T>): Promise<void> {
    this.#onDisk = null;
    await writeStateFile(this.#path, value);
    this.#onDisk = value;
  }
}
