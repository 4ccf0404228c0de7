import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CustodyError } from './custody-error.ts';
import { createStateFile, readStateFile, stateFileExists } from './state-file.ts';

const BYTES = 32;

/**
 * The secret of ekRef in its file; made if it is not there and `mayMake` says that nothing was made from it yet.
 * @throws CustodyError STATE_INCOMPLETE, KEY_FILE_MODE, KEY_FILE_MALFORMED
 */
export async function ekRefSecretIn(
  path: string,
  mayMake: () => Promise<boolean>,
): Promise<Uint8Array> {
  if (!(await stateFileExists(path)) && (await mayMake())) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await createStateFile(path, randomBytes(BYTES)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  const secret = await readStateFile(path);
  if (secret.length !== BYTES) throw new CustodyError('KEY_FILE_MALFORMED', path);
  return secret;
}
