import { readlink, statfs } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';

/** statfs(2): PROC_SUPER_MAGIC. */
const PROC = 0x9fa0;
/** path_resolution(7): as many links as the kernel follows. */
const MAX_LINKS = 40;

const namesIn = (path: string): string[] => path.split('/').filter((name) => name !== '');

/**
 * Whether an absolute path leads through proc(5), as `/dev/fd/3` and `/proc/self/cwd/disk` do: it is
 * another file for each process that opens it.
 */
export async function leadsThroughProcess(path: string): Promise<boolean> {
  const names = namesIn(path);
  let at = '/';
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = name === '..' ? dirname(at) : join(at, name);
    const target = await readlink(next).catch(() => null);
    if (target !== null) {
      links += 1;
      if (links > MAX_LINKS) return true;
      names.unshift(...namesIn(target));
      if (isAbsolute(target)) at = '/';
      continue;
    }
    at = next;
    const status = await statfs(at).catch(() => null);
    if (status === null) return false;
    if (status.type === PROC) return true;
  }
  return false;
}
