import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What of a command is left on the machine, told from what others do at the same time by a directory that
 * only the command was given: processes that name it, live in it or hold a file of it open; unix sockets;
 * entries of it.
 */
export function tracesOf(directory: string): string[] {
  const processes = pids()
    .filter((pid) => belongs(pid, directory))
    .map((pid) => `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
  const sockets = read('/proc/net/unix')
    .split('\n')
    .filter((line) => line.includes(directory))
    .map((line) => `unix socket ${line.slice(line.indexOf(directory))}`);
  return [...processes, ...sockets, ...readdirSync(directory).map((name) => `entry ${name}`)];
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/u.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid);

function belongs(pid: number, directory: string): boolean {
  const home = `/proc/${pid}`;
  return (
    read(`${home}/cmdline`).includes(directory) ||
    read(`${home}/environ`).includes(directory) ||
    [`${home}/cwd`, ...openFiles(home)].some((link) => target(link).startsWith(directory))
  );
}

function openFiles(home: string): string[] {
  try {
    return readdirSync(`${home}/fd`).map((name) => join(home, 'fd', name));
  } catch {
    return [];
  }
}

/** Processes come and go while they are looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
