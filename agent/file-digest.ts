import { createHash } from 'node:crypto';
import { constants, open } from 'node:fs/promises';

/** Enough of a file to tell a disk image's format and what its header refers to. */
const HEAD_BYTES = 512;

export type FileDigest = {
  readonly sha256: string;
  readonly head: Uint8Array;
  readonly dev: bigint;
  readonly ino: bigint;
};

/**
 * SHA-256 of a regular file's content, and its beginning. Throws what open(2) and read(2) do, and for
 * everything else that has a path: a device or a pipe could give the next reader something else.
 */
export async function digestOfFile(path: string): Promise<FileDigest> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await file.stat({ bigint: true });
    if (!status.isFile()) throw new Error('not a regular file');
    const digest = createHash('sha256');
    let head: Uint8Array = new Uint8Array();
    for await (const chunk of file.createReadStream({ autoClose: false })) {
      const bytes = chunk as Buffer;
      if (head.length < HEAD_BYTES) {
        head = Buffer.concat([head, bytes.subarray(0, HEAD_BYTES - head.length)]);
      }
      digest.update(bytes);
    }
    return { sha256: digest.digest('hex'), head, dev: status.dev, ino: status.ino };
  } finally {
    await file.close();
  }
}
