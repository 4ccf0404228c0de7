import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  SOFTWARE_VENDOR_INFO,
  type SoftwareEvent,
} from '@touchstone/eventlog';
import type { Measurement } from '../config.ts';
import { digestOfFile } from '../file-digest.ts';

export type MeasuredEvent = { readonly pcr: number; readonly data: Uint8Array };

/** Measures what the list names, in its order. An absent file is an event that says so. */
export async function measureSoftware(list: readonly Measurement[]): Promise<MeasuredEvent[]> {
  const events: MeasuredEvent[] = [];
  for (const entry of list) {
    events.push({ pcr: entry.pcr, data: encodeSoftwareEvent(await measureOne(entry)) });
  }
  return events;
}

/** The log as bytes, in the shape of a firmware's: Spec ID event first, then one EV_EVENT_TAG each. */
export const softwareLogOf = (events: readonly MeasuredEvent[]): Uint8Array =>
  encodeEventLog({
    vendorInfo: SOFTWARE_VENDOR_INFO,
    banks: ['sha256'],
    events: events.map(({ pcr, data }) => ({ pcr, type: EV_EVENT_TAG, data })),
  });

async function measureOne(entry: Measurement): Promise<SoftwareEvent> {
  const path = 'file' in entry ? entry.file : 'tree' in entry ? entry.tree : entry.commandLine;
  try {
    if ('commandLine' in entry) {
      return { kind: 'command-line', text: (await readFile(path, 'utf8')).replace(/\n$/u, '') };
    }
    if ('tree' in entry) return { kind: 'tree', path, sha256: await digestOfTree(path) };
    const sha256 = await digestOfFile(path);
    return { kind: 'file', path, sha256 };
  } catch (cause) {
    if (isAbsence(cause)) return { kind: 'absent', path };
    throw cause;
  }
}

const isAbsence = (cause: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');

/**
 * SHA-256 over one line a file, sorted, as `sha256sum --zero` writes them: a line feed is an ordinary
 * character of a name, NUL is not. A symbolic link counts by where it points. node_modules, tests and
 * hidden entries are left out: they are measured on their own or not at all.
 */
async function digestOfTree(root: string): Promise<string> {
  const lines: string[] = [];
  await collect(root, root, lines);
  return createHash('sha256').update(lines.toSorted().join('')).digest('hex');
}

async function collect(root: string, directory: string, lines: string[]): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name === 'node_modules' || name === 'test' || name.startsWith('.')) continue;
    const path = join(directory, name);
    const status = await lstat(path);
    const ending = `${relative(root, path)}\0`;
    if (status.isDirectory()) await collect(root, path, lines);
    else if (status.isSymbolicLink()) lines.push(`-> ${await readlink(path)}\0${ending}`);
    else if (status.isFile()) lines.push(`${await digestOfFile(path)}  ${ending}`);
  }
}
