import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
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
