import { open, rm, type FileHandle } from 'node:fs/promises';
import { CliError } from './codes.ts';

/**
 * A bearer token as it goes into a header (RFC 6750, 2.1: b64token), without the space around it.
 * @throws CliError TOKEN_MALFORMED, which never holds what was given
 */
export function checkToken(text: string): string {
  const token = text.trim();
  if (!/^[A-Za-z0-9._~+/-]{8,256}=*$/u.test(token)) throw new CliError('TOKEN_MALFORMED');
  return token;
}

/**
 * Runs `create` and writes the secret that it gives to a new file, readable by its owner alone. The
 * file is made first: a secret that is shown once must not get lost because it cannot be written.
 * @throws CliError FILE_UNWRITABLE
 */
export async function intoSecretFile<T extends { readonly token: string }>(
  path: string,
  create: () => Promise<T>,
): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError('FILE_UNWRITABLE', `${path}: ${code ?? 'unwritable'}`, cause);
  }
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
