import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Static, TSchema } from 'typebox';
import { checkAgainst, parseStrictJson } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import { isRefused } from './state-directory.ts';

/** What a host of 4,096 VMs has written down takes some megabytes. */
const STATE_LIMITS = { maxBytes: 16_777_216 };

/** The file's value, or null where there is no file. @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
export async function readStateFile<T extends TSchema>(
  path: string,
  schema: T,
): Promise<Static<T> | null> {
  try {
    return checkAgainst(schema, parseStrictJson(await readFile(path), STATE_LIMITS));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (isRefused(cause))
      throw agentError('STATE_UNREADABLE', { status: 403, detail: path, cause });
    throw agentError('STATE_MALFORMED', { detail: path, cause });
  }
}

export const writeStateFile = (path: string, value: unknown): Promise<void> =>
  writeWhole(path, Buffer.from(`${JSON.stringify(value, null, 2)}\n`));

/** All or nothing, readable by the owner alone, on disk when it returns. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  const directory = await open(dirname(path), 'r');
  await directory.sync().finally(() => directory.close());
}
