import { createHash } from 'node:crypto';
import { constants, open } from 'node:fs/promises';

/**
 * SHA-256 of a regular file's content, read anew. Throws what open(2) and read(2) do, and for
 * everything else that has a path: a device or a pipe could give the next reader something else.
 */
export async function digestOfFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('not a regular file');
    const digest = createHash('sha256');
    for await (const chunk of file.createReadStream({ autoClose: false })) {
      digest.update(chunk as Buffer);
    }
    return digest.digest('hex');
  } finally {
    await file.close();
  }
}
