import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as breath } from 'node:timers/promises';

/** One process as long as it lives: a pid alone may be another's by now. `startTicks`: proc(5), stat, 22. */
export type ProcessId = { readonly pid: number; readonly startTicks: number };

/** By USER_HZ, in which the kernel counts a process's start, on every architecture that has libvirt. */
const MS_PER_TICK = 10;

export const msOfTicks = (ticks: number): number => ticks * MS_PER_TICK;

export const sameProcess = (a: ProcessId | null, b: ProcessId): boolean =>
  a !== null && a.pid === b.pid && a.startTicks === b.startTicks;

/** A process that runs a VM. What it says of itself is its own word: `claimed…`. */
export type Hypervisor = ProcessId & {
  readonly parent: number;
  readonly program: string;
  /** By SIGSTOP. */
  readonly stopped: boolean;
  /** Its arguments as the kernel shows them: each with a NUL behind it. */
  readonly command: Buffer;
  readonly claimedName: string | null;
  readonly claimedUuid: string | null;
};

/** libvirtd, or the part of it that starts QEMU, of the whole system. */
export type LibvirtDaemon = ProcessId & { readonly program: string };

export type Processes = {
  readonly hypervisors: readonly Hypervisor[];
  readonly daemons: readonly LibvirtDaemon[];
};

const HYPERVISOR =
  /^(qemu-system-[\w-]+|qemu-kvm|kvm|qemu|cloud-hypervisor|firecracker|crosvm|lkvm|VBoxHeadless|VirtualBoxVM|vmware-vmx)$/u;
const DAEMON = /^(libvirtd|virtqemud)$/u;

/** Links that are read before others have their turn. */
const AT_ONCE = 128;
/** Of a process: more tell of nothing that is looked for here. */
const MAX_DESCRIPTORS = 4_096;
const MAX_ANCESTORS = 16;

/**
 * Who runs VMs here, by what each process executes, and of those that `looksInto` says, by whether they have `kvm` open,
 * which takes longer. A process that ended meanwhile is left out. @throws what readdir(2) does
 */
export async function readProcesses(
  root: string,
  { kvm, looksInto }: { readonly kvm: string; readonly looksInto: (pid: number) => boolean },
): Promise<Processes> {
  const hasKvm = existsSync(kvm);
  const hypervisors: Hypervisor[] = [];
  const daemons: LibvirtDaemon[] = [];
  let read = 0;
  for (const name of readdirSync(root)) {
    if (!/^[1-9][0-9]*$/u.test(name)) continue;
    if ((read += 1) % AT_ONCE === 0) await breath();
    const program = programOf(root, name);
    if (program === null) continue;
    if (DAEMON.test(program)) {
      const process = processOf(root, Number(name));
      // One of a user's own calls no hook: what it starts is known to no door.
      if (process !== null && ownerOf(root, name) === 0) daemons.push({ ...process, program });
      continue;
    }
    const pid = Number(name);
    if (HYPERVISOR.test(program) || (hasKvm && looksInto(pid) && hasOpen(root, pid, kvm))) {
      const hypervisor = hypervisorOf(root, pid, program);
      if (hypervisor !== null) hypervisors.push(hypervisor);
    }
  }
  return { hypervisors, daemons };
}

/** The process of that pid now. */
export function processOf(
  root: string,
  pid: number,
): (ProcessId & { readonly parent: number; readonly stopped: boolean }) | null {
  try {
    const stat = readFileSync(join(root, String(pid), 'stat'), 'latin1');
    // The name in brackets may have anything in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = '', parent = ''] = fields;
    const startTicks = Number(fields[19]);
    if (!Number.isSafeInteger(startTicks) || state === 'Z' || state === 'X') return null;
    return { pid, startTicks, parent: Number(parent), stopped: state === 'T' };
  } catch {
    return null;
  }
}

/** Whether that process still lives, and not another of its pid. */
export function isAlive(root: string, process: ProcessId): boolean {
  const now = processOf(root, process.pid);
  return now !== null && sameProcess(now, process);
}

/** Those above a process, nearest first, as far as they can be seen. */
export function ancestorsOf(root: string, { parent }: { readonly parent: number }): ProcessId[] {
  const above: ProcessId[] = [];
  for (let pid = parent; pid > 1 && above.length < MAX_ANCESTORS;) {
    const process = processOf(root, pid);
    if (process === null) break;
    above.push(process);
    pid = process.parent;
  }
  return above;
}

/** The words that a process was started with; none where it is gone. */
export function commandOf(root: string, pid: number): readonly string[] {
  try {
    return readFileSync(join(root, String(pid), 'cmdline'), 'utf8')
      .split('\0')
      .slice(0, -1);
  } catch {
    return [];
  }
}

/** As the kernel shows the command of a process that was started with these words. */
export const shownCommand = (words: readonly string[]): Buffer =>
  Buffer.from(words.map((word) => `${word}\0`).join(''));

export const commandDigest = (command: Buffer): string =>
  createHash('sha256').update(command).digest('hex');

function hypervisorOf(root: string, pid: number, program: string): Hypervisor | null {
  const process = processOf(root, pid);
  if (process === null) return null;
  let command: Buffer;
  try {
    command = readFileSync(join(root, String(pid), 'cmdline'));
  } catch {
    return null;
  }
  const words = command.toString().split('\0');
  const after = (option: string): string | null => words[words.indexOf(option) + 1 || NaN] ?? null;
  const claimedUuid = after('-uuid')?.toLowerCase() ?? null;
  const claimedName =
    after('-name')
      ?.replace(/^guest=/u, '')
      .replace(/,.*$/u, '') ?? null;
  return { ...process, program, command, claimedName, claimedUuid };
}

/** Null for the kernel's own threads. */
function programOf(root: string, name: string): string | null {
  try {
    return basename(readlinkSync(join(root, name, 'exe')).replace(/ \(deleted\)$/u, ''));
  } catch {
    return null;
  }
}

function ownerOf(root: string, name: string): number | null {
  try {
    return statSync(join(root, name)).uid;
  } catch {
    return null;
  }
}

function hasOpen(root: string, pid: number, device: string): boolean {
  try {
    const directory = join(root, String(pid), 'fd');
    const descriptors = readdirSync(directory).slice(0, MAX_DESCRIPTORS);
    return descriptors.some((fd) => linkAt(join(directory, fd)) === device);
  } catch {
    return false;
  }
}

function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
