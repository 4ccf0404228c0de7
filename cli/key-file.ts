import { type FileHandle, open } from 'node:fs/promises';
import { CliError } from './codes.ts';

/**
 * Writes a key to a new file, readable by its owner alone and without a newline, as QEMU reads it; and then does what it
 * is for. The file stays even where that fails: whether the server has the key is not known then.
 * @throws CliError FILE_UNWRITABLE
 */
export async function intoKeyFile<T>(path: string, key: string, use: () => Promise<T>): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError('FILE_UNWRITABLE', `${path}: ${code ?? 'unwritable'}`, cause);
  }
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  return use();
}
