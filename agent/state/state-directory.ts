import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { agentError } from '../codes.ts';

/**
 * The state directory, made where there is none: keys and the TPM's own state lie in it, so it is its
 * owner's alone.
 * @throws AppError STATE_EXPOSED, STATE_UNREADABLE
 */
export async function ensureStateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch(unreadable(path));
  await requireStateDirectory(path);
}

/** That of a host that has one. @throws AppError NOT_ENROLLED, STATE_EXPOSED, STATE_UNREADABLE */
export async function requireStateDirectory(path: string): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw agentError('NOT_ENROLLED', { detail: path, cause });
    return unreadable(path)(cause);
  });
  const { mode, uid } = found;
  if (uid === process.geteuid?.() && (mode & 0o077) === 0) return;
  const detail = `${path}: owner ${uid}, mode ${(mode & 0o777).toString(8)}`;
  throw agentError('STATE_EXPOSED', { detail });
}

/**
 * Who asks for a start believes whoever listens in the state directory. So nobody but its owner may put a
 * socket there, and it is a directory of who asks, of root, or one that only these two could put where it is:
 * an agent with a user of its own has such a one below /var/lib. No directory, no agent to believe.
 * @throws AppError STATE_EXPOSED, STATE_UNREADABLE
 */
export async function requireOwnDirectory(path: string): Promise<void> {
  const real = await enterable(path).catch(unreadable(path));
  if (real === null) return;
  const { mode, uid } = await stat(real);
  if ((mode & OTHERS_WRITE) === 0 && (isOurs(uid) || (await onlyOursAbove(real)))) return;
  const detail = `${path}: owner ${uid}, mode ${(mode & 0o777).toString(8)}`;
  throw agentError('STATE_EXPOSED', { detail });
}

async function enterable(path: string): Promise<string | null> {
  try {
    const real = await realpath(path);
    // To name what lies in it takes the right to search it.
    await stat(`${real}/.`);
    return real;
  } catch (error) {
    if (isRefused(error)) throw error;
    return null;
  }
}

const OTHERS_WRITE = 0o022;

const isOurs = (uid: number): boolean => uid === 0 || uid === process.geteuid?.();

async function onlyOursAbove(path: string): Promise<boolean> {
  for (let at = path; at !== '/';) {
    at = dirname(at);
    const { mode, uid } = await stat(at);
    if (!isOurs(uid) || (mode & OTHERS_WRITE) !== 0) return false;
  }
  return true;
}

/** Whoever forgot to be root is told that, and not that nothing is there. */
export const isRefused = (error: unknown): boolean =>
  ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

const unreadable =
  (path: string) =>
  (cause: unknown): never => {
    if (!isRefused(cause)) throw cause;
    throw agentError('STATE_UNREADABLE', { status: 403, detail: path, cause });
  };
