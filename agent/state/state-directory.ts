import { mkdir, stat } from 'node:fs/promises';
import process from 'node:process';
import { agentError } from '../codes.ts';

/**
 * The state directory, made where there is none: keys and the TPM's own state lie in it, so it is its
 * owner's alone.
 * @throws AppError STATE_EXPOSED
 */
export async function ensureStateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(path);
  if (uid === process.geteuid?.() && (mode & 0o077) === 0) return;
  const detail = `${path}: owner ${uid}, mode ${(mode & 0o777).toString(8)}`;
  throw agentError('STATE_EXPOSED', { detail });
}

/**
 * Who asks for a start believes whoever listens in the state directory: nobody but its owner may put a socket
 * there, and the owner is who asks, or root. Where there is no directory there is no agent to believe.
 * @throws AppError STATE_EXPOSED
 */
export async function requireOwnDirectory(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null) return;
  const { mode, uid } = found;
  const own = uid === 0 || uid === process.geteuid?.();
  if (own && (mode & 0o022) === 0) return;
  const detail = `${path}: owner ${uid}, mode ${(mode & 0o777).toString(8)}`;
  throw agentError('STATE_EXPOSED', { detail });
}
