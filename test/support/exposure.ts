import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

export type Mode = { readonly mode: number; readonly isSocket: boolean };

/** Every file, directory and socket from there on, with its permission bits. */
export async function modesBelow(path: string): Promise<Map<string, Mode>> {
  const found = new Map<string, Mode>();
  const look = async (at: string): Promise<void> => {
    const status = await stat(at).catch(() => null);
    // PostgreSQL's temporary files come and go.
    if (status === null) return;
    found.set(at, { mode: status.mode & 0o777, isSocket: status.isSocket() });
    if (!status.isDirectory()) return;
    await Promise.all((await readdir(at)).map((name) => look(join(at, name))));
  };
  await look(path);
  return found;
}

const SHARED = /^\/(?:tmp|var\/tmp|dev\/shm)\//u;

/**
 * What the processes whose command lines or working directories name that directory have open below directories that
 * everybody may write to, and not in it: files, and sockets that have a name.
 */
export async function placesInUse(
  directory: string,
): Promise<{ readonly processes: number; readonly shared: string[] }> {
  const shared = new Set<string>();
  const sockets = new Map<string, string>();
  for (const line of (await readFile('/proc/net/unix', 'utf8')).split('\n')) {
    const [, , , , , , inode, path] = line.trim().split(/ +/u);
    if (inode !== undefined && path !== undefined) sockets.set(`socket:[${inode}]`, path);
  }
  let processes = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^[0-9]+$/u.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const workingDirectory = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (Number(pid) === process.pid) continue;
    if (!words.includes(directory) && !workingDirectory.startsWith(directory)) continue;
    processes += 1;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      const place = sockets.get(target) ?? target;
      if (SHARED.test(place) && !place.startsWith(directory)) shared.add(place);
    }
  }
  return { processes, shared: [...shared] };
}
