import { link, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CustodyError } from './custody-error.ts';

const MAX_BYTES = 65_536;

export async function stateFileExists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Writes a file that was not there, 0600. It appears whole or not at all, and is on the disk when this
 * returns: a key that a certificate names must not vanish with the power. Throws EEXIST.
 */
export async function createStateFile(path: string, contents: string | Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  try {
    // One that an interruption left; in a container the process id is always the same.
    await rm(draft, { force: true });
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike rename, link replaces nothing.
    await link(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
}

/** What came into a directory, or left it, is on the disk when this returns. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Throws CustodyError: STATE_INCOMPLETE if it is not there, KEY_FILE_MODE if others could have read it. */
export async function readStateFile(path: string): Promise<Buffer> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new CustodyError('STATE_INCOMPLETE', path, error) : error;
  });
  try {
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) throw new CustodyError('KEY_FILE_MODE', path);
    if (size > MAX_BYTES) throw new CustodyError('KEY_FILE_MALFORMED', path);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
