import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

type Content = string | Uint8Array | AsyncIterable<Uint8Array>;

/** Writes a file whole or not at all, 0600, and on the disk when this returns. What was there gives way. */
export const writeDurably = (path: string, content: Content): Promise<void> =>
  writeBy(rename, path, content);

/** The same for a file that was not there. Throws EEXIST. */
export const createDurably = (path: string, content: Content): Promise<void> =>
  writeBy(link, path, content);

async function writeBy(
  place: (draft: string, path: string) => Promise<void>,
  path: string,
  content: Content,
): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  try {
    await rm(draft, { force: true });
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
}

/** Makes what was renamed or removed in it hold through a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
