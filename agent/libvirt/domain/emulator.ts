import { lstat, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { agentError } from '../../codes.ts';

/** path_resolution(7): as many links as the kernel follows. */
const MAX_LINKS = 40;
const OTHERS_WRITE = 0o022;
const ELF = Buffer.from('\u007fELF', 'latin1');

/**
 * QEMU is a program, and one that only root can have put there: every directory and link on the way to it is root's,
 * and nobody else may write there. Its own digest is in the definition, and the server has no list of such digests.
 * @throws AppError DEFINITION_UNCOVERED, DEFINITION_UNREADABLE
 */
export async function requireEmulator(path: string, head: Uint8Array): Promise<void> {
  if (!Buffer.from(head.subarray(0, ELF.length)).equals(ELF)) {
    throw uncovered(path, 'no ELF program; a script could start anything else');
  }
  const names = namesIn(path);
  let at = '/';
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = name === '..' ? dirname(at) : join(at, name);
    const status = await lstat(next).catch((cause: Error) => {
      const detail = `${next}: ${cause.message}`;
      throw agentError('DEFINITION_UNREADABLE', { status: 422, detail, cause });
    });
    if (status.isSymbolicLink()) {
      links += 1;
      if (status.uid !== 0 || links > MAX_LINKS)
        throw uncovered(path, `${next} is not root’s alone`);
      const target = await readlink(next);
      names.unshift(...namesIn(target));
      if (isAbsolute(target)) at = '/';
      continue;
    }
    if (status.uid !== 0 || (status.mode & OTHERS_WRITE) !== 0) {
      throw uncovered(path, `${next} is not root’s alone`);
    }
    at = next;
  }
}

const namesIn = (path: string): string[] => path.split('/').filter((name) => !/^\.?$/u.test(name));

const uncovered = (path: string, why: string) =>
  agentError('DEFINITION_UNCOVERED', { status: 422, detail: `emulator ${path}: ${why}` });
