import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding, Operation } from '@touchstone/schemas';
import type { ReadFile } from '../../gate/definition.ts';
import { WATCH_CODES } from '../../watch/codes.ts';
import { shapeOf } from './canonical.ts';
import type { Domain, DomainDefinition } from './describe.ts';

/** Why what was started may not go on. */
export type StartedFinding = Finding & {
  readonly code: 'DOMAIN_DIFFERS' | 'IMAGES_DIFFER' | 'QEMU_UNSEEN';
};

/** What a VM was permitted as. */
export type Permitted = {
  readonly definition: Pick<DomainDefinition, 'shape' | 'files'>;
  readonly operation: Operation;
};

/** Where libvirt's and the kernel's files are. */
export type HostRoots = { readonly pids: string; readonly proc: string };

const HOST: HostRoots = { pids: '/run/libvirt/qemu', proc: '/proc' };
/** Of one QEMU. */
const MAX_OPEN = 4_096;

/**
 * Whether what was started is what the permit was for; null where it is. Looks at:
 *
 * - the domain, as libvirt says it runs, against the one that was asked about;
 * - QEMU's program, and every image that it keeps open, by device and inode, against the files that were read;
 * - what QEMU reads only while it starts (kernel, initrd): that the path still leads to the file that was read, with
 *   the size and the time of the last writing that it had. Of images that the VM only reads, the same;
 * - whether QEMU waits for a VM's memory, from a file or another host, though it was asked about as a start.
 *
 * A QEMU that cannot be looked at is a finding, too.
 */
export async function checkStarted(
  live: Domain,
  { definition, operation }: Permitted,
  roots: HostRoots = HOST,
): Promise<StartedFinding | null> {
  if (shapeOf(live.root) !== definition.shape) return startedFinding('DOMAIN_DIFFERS', live.name);
  const found = await processOf(live, roots);
  const open = found === null ? null : await openFiles(found.process);
  if (found === null || open === null) return startedFinding('QEMU_UNSEEN', live.name);
  const { process, command } = found;
  if (operation === 'start' && command.includes('-incoming'))
    return startedFinding('DOMAIN_DIFFERS', live.name);
  for (const file of definition.files) {
    if (!(await isAsRead(file, process, open))) return startedFinding('IMAGES_DIFFER', file.path);
  }
  return null;
}

async function isAsRead(
  file: ReadFile,
  process: string,
  open: ReadonlySet<string>,
): Promise<boolean> {
  if (file.use === 'program') return isFile(file, await statusOf(join(process, 'exe')));
  if (file.use !== 'loaded' && !open.has(keyOf(file))) return false;
  if (file.use === 'written') return true;
  // As QEMU sees it: a mount in libvirtd's namespace alone is not seen from here.
  const now = await statusOf(join(process, 'root', file.path));
  return isFile(file, now) && now?.size === file.size && now.mtimeNs === file.mtimeNs;
}

/** By libvirt's own note of it, or by looking for QEMU's uuid. */
async function processOf(
  { vm, name }: Pick<Domain, 'vm' | 'name'>,
  { pids, proc }: HostRoots,
): Promise<{ readonly process: string; readonly command: readonly string[] } | null> {
  const noted = await readFile(join(pids, `${name}.pid`), 'latin1').catch(() => '');
  const others = await readdir(proc).catch(() => []);
  for (const pid of [noted.trim(), ...others]) {
    if (!/^[0-9]{1,10}$/u.test(pid)) continue;
    const words = await readFile(join(proc, pid, 'cmdline'), 'utf8').catch(() => '');
    const command = words.split('\0');
    const at = command.indexOf('-uuid');
    if (at > 0 && command[at + 1] === vm) return { process: join(proc, pid), command };
  }
  return null;
}

async function openFiles(process: string): Promise<ReadonlySet<string> | null> {
  const names = await readdir(join(process, 'fd')).catch(() => null);
  if (names === null || names.length > MAX_OPEN) return null;
  const found = await Promise.all(names.map((name) => statusOf(join(process, 'fd', name))));
  return new Set(found.flatMap((status) => (status?.isFile() ? [keyOf(status)] : [])));
}

const statusOf = (path: string) => stat(path, { bigint: true }).catch(() => null);

const keyOf = ({ dev, ino }: Pick<ReadFile, 'dev' | 'ino'>): string => `${dev} ${ino}`;

const isFile = (file: ReadFile, found: Pick<ReadFile, 'dev' | 'ino'> | null): boolean =>
  found !== null && keyOf(found) === keyOf(file);

export function startedFinding(code: StartedFinding['code'], about: string): StartedFinding {
  const { title, remedy, actor } = WATCH_CODES[code];
  return { code, effect: 'enforce', subject: `${about.slice(0, 1_024)}: ${title}`, remedy, actor };
}
