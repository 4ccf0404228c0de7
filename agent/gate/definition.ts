import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { StartQuestion } from '@touchstone/schemas';
import { agentError } from '../codes.ts';

/** One file that the command names: argument number, the role it has there, content. */
type NamedFile = {
  readonly argument: number;
  readonly role: string;
  readonly path: string;
  readonly sha256: string;
};

export type Definition = {
  readonly digest: string;
  readonly imageDigests: readonly string[];
};

/** QEMU's options whose value is a file that the VM boots from or runs on. qemu(1). */
const FILE_OPTIONS = new Map([
  ['-kernel', 'kernel'],
  ['-initrd', 'kernel'],
  ['-dtb', 'firmware'],
  ['-bios', 'firmware'],
  ['-pflash', 'firmware'],
  ['-hda', 'disk'],
  ['-hdb', 'disk'],
  ['-hdc', 'disk'],
  ['-hdd', 'disk'],
  ['-cdrom', 'disk'],
  ['-fda', 'disk'],
  ['-fdb', 'disk'],
  ['-mtdblock', 'disk'],
  ['-sd', 'disk'],
]);

/** QEMU's options of key=value pairs, and the keys among them that name a file. */
const PAIR_OPTIONS = new Set([
  '-drive',
  '-blockdev',
  '-device',
  '-fw_cfg',
  '-acpitable',
  '-object',
]);
const FILE_KEY = /(?:^|\.)(?:file|filename|romfile|loader)$/u;

/**
 * The digest of what would be started: the VM, the command, where it runs, its program, and the
 * content of every file that the command names as firmware, kernel or disk. What cannot be read is
 * not started.
 * @throws AppError DEFINITION_UNREADABLE
 */
export async function describeDefinition(question: StartQuestion): Promise<Definition> {
  const { vm, operation, command, workingDirectory } = question;
  const files: NamedFile[] = [];
  for (const { argument, role, value } of namedFiles(command)) {
    const path = resolve(workingDirectory, value);
    files.push({ argument, role, path, sha256: await digestOf(path) });
  }
  const description = {
    schema: 'touchstone/definition/1',
    vm,
    operation,
    workingDirectory,
    command,
    files,
  };
  const digest = createHash('sha256').update(JSON.stringify(description)).digest('hex');
  const images = files.filter(({ role }) => role !== 'program').map(({ sha256 }) => sha256);
  return { digest, imageDigests: [...new Set(images)] };
}

type Naming = { readonly argument: number; readonly role: string; readonly value: string };

function namedFiles(command: readonly string[]): Naming[] {
  const named: Naming[] = [{ argument: 0, role: 'program', value: programOf(command) }];
  command.forEach((argument, index) => {
    // QEMU takes every option with one dash or two.
    const option = argument.replace(/^--/u, '-');
    const value = command[index + 1];
    if (value === undefined) return;
    const role = FILE_OPTIONS.get(option);
    if (role !== undefined) named.push({ argument: index + 1, role, value });
    else if (PAIR_OPTIONS.has(option)) {
      for (const file of filesOfPairs(value)) {
        named.push({ argument: index + 1, role: 'disk', value: file });
      }
    }
  });
  return named;
}

/** The program is named by its path: a search path is the caller's, and the caller could change it. */
function programOf(command: readonly string[]): string {
  const [program = ''] = command;
  if (program.includes('/')) return program;
  throw agentError('DEFINITION_UNREADABLE', {
    status: 422,
    detail: `${program}: the program must be given by its path`,
  });
}

/** `-drive file=a,,b.img,if=virtio`: a doubled comma is a comma. `-blockdev` may be JSON as well. */
function filesOfPairs(value: string): string[] {
  if (value.startsWith('{')) return filesOfJson(value);
  const pairs = value.split(/(?<!,),(?!,)/u).map((pair) => pair.replaceAll(',,', ','));
  return pairs.flatMap((pair) => {
    const [key = '', ...rest] = pair.split('=');
    return rest.length > 0 && FILE_KEY.test(key) ? [rest.join('=')] : [];
  });
}

function filesOfJson(value: string): string[] {
  try {
    const files: string[] = [];
    JSON.parse(value, (key: string, inner: unknown) => {
      if (typeof inner === 'string' && FILE_KEY.test(key)) files.push(inner);
      return inner;
    });
    return files;
  } catch (cause) {
    throw agentError('DEFINITION_UNREADABLE', { status: 422, detail: 'malformed JSON', cause });
  }
}

/** Content of a regular file; a device or a pipe could give the next reader something else. */
async function digestOf(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) throw new Error('not a regular file');
    const digest = createHash('sha256');
    for await (const chunk of file.createReadStream({ autoClose: false })) {
      digest.update(chunk as Uint8Array);
    }
    return digest.digest('hex');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown';
    throw agentError('DEFINITION_UNREADABLE', { status: 422, detail: `${path}: ${reason}`, cause });
  } finally {
    await file?.close();
  }
}
