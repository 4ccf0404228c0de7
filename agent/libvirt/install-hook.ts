import { randomUUID } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { agentError } from '../codes.ts';
import { hookText } from './hook.ts';

/** Below libvirt's configuration. Others' hooks have their own files, and libvirt calls them all. */
const DIRECTORIES = ['hooks', 'hooks/qemu.d'] as const;
const HOOK = 'hooks/qemu.d/touchstone';
const MODE = 0o755;

export type HookPlace = {
  /** libvirt's configuration: /etc/libvirt. */
  readonly configuration: string;
  /** Where the hook is to ask. */
  readonly socketPath: string;
};

/** `changed`: other content. `exposed`: not executable, or others than root may change it. */
export type HookState = 'installed' | 'absent' | 'changed' | 'exposed';

/** @throws AppError HOOK_FAILED */
export async function stateOfHook({ configuration, socketPath }: HookPlace): Promise<HookState> {
  const path = join(configuration, HOOK);
  try {
    const { uid, mode } = await lstat(path);
    if ((await readFile(path, 'utf8')) !== (await hookText(socketPath))) return 'changed';
    return uid === 0 && (mode & 0o7777) === MODE ? 'installed' : 'exposed';
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw failed(path, cause);
  }
}

/**
 * Puts it there, in one step, so that there is no moment in which libvirt finds half of it. Gives what was there.
 * @throws AppError LIBVIRT_ABSENT, HOOK_DIRECTORY_EXPOSED, HOOK_FAILED
 */
export async function installHook(place: HookPlace): Promise<HookState> {
  const { configuration, socketPath } = place;
  await requireDirectory(configuration, 'LIBVIRT_ABSENT');
  for (const name of DIRECTORIES) {
    const directory = join(configuration, name);
    await mkdir(directory, { mode: MODE }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw failed(directory, cause);
    });
    await requireDirectory(directory, 'HOOK_FAILED');
  }
  const before = await stateOfHook(place);
  if (before === 'installed') return before;
  // Beside the directory that libvirt executes from, in the same file system.
  const fresh = join(configuration, `hooks/.touchstone-${randomUUID()}`);
  try {
    await writeFile(fresh, await hookText(socketPath), { flag: 'wx', mode: MODE, flush: true });
    await chown(fresh, 0, 0);
    await chmod(fresh, MODE);
    await rename(fresh, join(configuration, HOOK));
  } catch (cause) {
    await rm(fresh, { force: true });
    throw failed(join(configuration, HOOK), cause);
  }
  return before;
}

/** Whether there was one. Directories stay. @throws AppError HOOK_FAILED */
export async function removeHook({ configuration }: HookPlace): Promise<boolean> {
  const path = join(configuration, HOOK);
  try {
    await rm(path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw failed(path, cause);
  }
}

/** A directory, and root's alone to write to, as are those above it. */
async function requireDirectory(
  path: string,
  absent: 'LIBVIRT_ABSENT' | 'HOOK_FAILED',
): Promise<void> {
  const found = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT'
      ? agentError(absent, { detail: path, cause })
      : failed(path, cause);
  });
  if (!found.isDirectory()) throw agentError(absent, { detail: `${path} is no directory` });
  for (let at = path; ; at = dirname(at)) {
    const { uid, mode } = await lstat(at);
    const sticky = at !== path && (mode & 0o1000) !== 0;
    if (uid !== 0 || ((mode & 0o022) !== 0 && !sticky)) {
      const detail = `${at}: owner ${uid}, mode ${(mode & 0o7777).toString(8)}`;
      throw agentError('HOOK_DIRECTORY_EXPOSED', { detail });
    }
    if (at === '/') return;
  }
}

const failed = (path: string, cause: unknown) =>
  agentError('HOOK_FAILED', {
    detail: `${path}: ${cause instanceof Error ? cause.message : 'unknown'}`,
    cause,
  });
