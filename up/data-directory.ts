import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UpError } from './failure.ts';

/**
 * The data directory, made where there is none. What lies in it is believed: keys, passwords, the root
 * secret. So nobody else may have put anything there before. Others may pass through, for PostgreSQL runs
 * as a user of its own, and may list nothing.
 * @throws UpError DATA_EXPOSED
 */
export async function ensureDataDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o711 });
  const { uid, mode } = await stat(path);
  if (uid !== process.geteuid?.()) throw exposed(path, `belongs to user ${uid}`);
  await chmod(path, 0o711);
  if ((mode & 0o022) !== 0 && (await readdir(path)).length > 0) {
    throw exposed(path, `was open to others (mode ${(mode & 0o777).toString(8)}) and is not empty`);
  }
}

const exposed = (path: string, what: string): UpError =>
  new UpError(
    'DATA_EXPOSED',
    `the data directory ${path} ${what}`,
    'Look who wrote there, or choose another --data directory.',
  );

const RESTORING = 'restore-under-way';

/** There from a restore's first write to its last: what lies beside it is no deployment yet. */
export const restoreMarker = (dataDir: string): string => join(dataDir, RESTORING);

export const restoreUnderWay = (dataDir: string): Promise<boolean> =>
  stat(restoreMarker(dataDir)).then(
    () => true,
    () => false,
  );

/** Everything in it that a backup takes: not the cluster and its passwords, which a restore makes anew. */
export async function filesToKeep(dataDir: string): Promise<string[]> {
  const kept = await filesIn(dataDir, '');
  return kept.filter((path) => !FILES_NOT_KEPT.test(path)).toSorted();
}

/** What a link leads to is taken as it is there: `up` follows links too. */
async function filesIn(dataDir: string, directory: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of await readdir(join(dataDir, directory))) {
    if (directory === '' && DIRECTORIES_NOT_KEPT.has(name)) continue;
    const path = join(directory, name);
    const found = await stat(join(dataDir, path)).catch(noneThere);
    if (found?.isFile() === true) files.push(path);
    if (found?.isDirectory() === true) files.push(...(await filesIn(dataDir, path)));
  }
  return files;
}

function noneThere(cause: NodeJS.ErrnoException): null {
  if (cause.code === 'ENOENT') return null;
  throw cause;
}

const DIRECTORIES_NOT_KEPT = new Set(['postgres', 'postgres-moved', 'secrets']);
const FILES_NOT_KEPT = /^(?:database\.json|database-ca\.pem|move\.json)$|\.(?:log|draft)$/u;
