import { type FileHandle, open, rm } from 'node:fs/promises';
import { CliError } from './codes.ts';

/**
 * Runs `create` and writes the secret that it gives to a new file, readable by its owner alone. The
 * file is made first: a secret that is shown once must not get lost because it cannot be written.
 * @throws CliError FILE_UNWRITABLE
 */
export async function intoSecretFile<T extends { readonly token: string }>(
  path: string,
  create: () => Promise<T>,
): Promise<T> {
  const file = await newFile(path);
  try {
    const created = await create();
    await file.writeFile(`${created.token}\n`);
    return created;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * Writes a key to a new file, readable by its owner alone and without a newline, as QEMU reads it; and then does what it
 * is for. The file stays even where that fails: whether the server has the key is not known then.
 * @throws CliError FILE_UNWRITABLE
 */
export async function intoKeyFile<T>(path: string, key: string, use: () => Promise<T>): Promise<T> {
  const file = await newFile(path);
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  return use();
}

/** One that was not there. @throws CliError FILE_UNWRITABLE */
async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError('FILE_UNWRITABLE', `${path}: ${code ?? 'unwritable'}`, cause);
  }
}
