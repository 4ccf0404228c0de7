import { realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { agentError } from '../codes.ts';
import { readPairs } from './option-pairs.ts';
import { pathFrom } from './path-from.ts';
import { type FileRole, QEMU_OPTIONS } from './qemu-options.ts';

/** A file that a command names: by which argument (0 is the program) or variable, and as what. */
export type NamedFile = {
  readonly argument: number | string;
  readonly role: FileRole;
  readonly path: string;
};

type Naming = { readonly role: FileRole; readonly value: string };

const QEMU = /^(?:qemu-system-[a-z0-9_]+|qemu-kvm|kvm)$/u;

/**
 * The files that a command names. QEMU's command line is read as QEMU reads it, and refused where it
 * leads to what no file's digest covers. Of any other program, and of one that goes before QEMU
 * (taskset, nice), every argument that is a file's path counts.
 *
 * What is named by nothing is not here: the firmware that QEMU takes by default, and the network that
 * a VM may boot from.
 * @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED
 */
export async function namedFiles(
  command: readonly string[],
  workingDirectory: string,
): Promise<NamedFile[]> {
  const qemu = await indexOfQemu(command, workingDirectory);
  const named: NamedFile[] = [];
  const add = (argument: number, { role, value }: Naming) => {
    named.push({ argument, role, path: pathFrom(workingDirectory, value) });
  };
  for (const [index, argument] of command.entries()) {
    if (index === 0 || index === qemu) add(index, { role: 'program', value: programOf(argument) });
    else if (qemu < 0 || index < qemu) {
      for (const value of await filesAmong(argument, workingDirectory)) {
        add(index, { role: 'argument', value });
      }
    }
  }
  if (qemu >= 0) {
    for (const { argument, ...naming } of filesOfQemu(command, qemu + 1)) add(argument, naming);
  }
  return named;
}

/** The program by its name, or, where a link stands for it, by the name of what it links to. */
async function indexOfQemu(command: readonly string[], workingDirectory: string): Promise<number> {
  const named = command.findIndex((argument) => QEMU.test(basename(argument)));
  if (named >= 0) return named;
  const target = await realpath(pathFrom(workingDirectory, command[0] ?? '')).catch(() => '');
  return QEMU.test(basename(target)) ? 0 : -1;
}

/** A program is named by its path: a search path is the caller's, and the caller could change it. */
function programOf(program: string): string {
  if (program.includes('/')) return program;
  const detail = `${program}: the program must be given by its path`;
  throw agentError('DEFINITION_UNREADABLE', { status: 422, detail });
}

function filesOfQemu(
  command: readonly string[],
  first: number,
): (Naming & { readonly argument: number })[] {
  const files: (Naming & { readonly argument: number })[] = [];
  for (let index = first; index < command.length; index += 1) {
    const word = command[index] ?? '';
    // A word that is no option is a disk: qemu(1), SYNOPSIS.
    if (!word.startsWith('-')) {
      files.push({ argument: index, role: 'disk', value: imageName(word) });
      continue;
    }
    // QEMU takes every option with one dash or two.
    const name = word.replace(/^--?/u, '');
    const option = QEMU_OPTIONS.get(name);
    if (option === undefined) throw uncovered(word, 'an option that the agent does not know');
    if (option.kind === 'uncovered') throw uncovered(word, option.why);
    if (option.kind === 'flag') continue;
    index += 1;
    const value = command[index];
    if (value === undefined) throw uncovered(word, 'its value is missing');
    for (const naming of namingsOf(name, value)) files.push({ argument: index, ...naming });
  }
  return files;
}

function namingsOf(name: string, text: string): Naming[] {
  const option = QEMU_OPTIONS.get(name);
  if (option?.kind === 'file') {
    // A multiboot kernel takes several, with arguments: qemu(1), -initrd.
    if (name === 'initrd' && /[, ]/u.test(text)) throw uncovered(`-${name}`, 'several files');
    return [{ role: option.role, value: option.role === 'disk' ? imageName(text) : text }];
  }
  if (option?.kind !== 'pairs') return [];
  const pairs = pairsOf(name, text, option.impliedKey);
  const why = option.uncovered?.(pairs);
  if (why !== undefined) throw uncovered(`-${name}`, why);
  return pairs.flatMap(({ key, value }) => {
    const role = option.files(key, pairs);
    // `romfile=` is a device without one, `file=` a drive without a medium.
    if (role === undefined || value === '') return [];
    // -acpitable takes several files between colons.
    const paths = name === 'acpitable' ? value.split(':') : [value];
    return paths.map((path) => ({ role, value: role === 'disk' ? imageName(path) : path }));
  });
}

function pairsOf(name: string, text: string, impliedKey: string) {
  try {
    return readPairs(text, impliedKey);
  } catch (cause) {
    throw agentError('DEFINITION_UNCOVERED', {
      status: 422,
      detail: `-${name}: malformed JSON`,
      cause,
    });
  }
}

/** QEMU takes `nbd:…`, `json:…`, `fat:…` for protocols whatever files there are. */
function imageName(name: string): string {
  if (/^[^/]*:/u.test(name)) throw uncovered(name, 'a protocol and not a file');
  return name;
}

/** The paths of files in an argument of a program that the agent does not know. */
export async function filesAmong(argument: string, workingDirectory: string): Promise<string[]> {
  const words = argument.split(',');
  const candidates = new Set([
    argument,
    ...words,
    ...words.map((word) => word.replace(/^.*?=/u, '')),
  ]);
  const files: string[] = [];
  for (const candidate of candidates) {
    const status = await stat(pathFrom(workingDirectory, candidate)).catch(() => null);
    if (status?.isBlockDevice()) throw uncovered(candidate, 'a block device');
    if (candidate !== '' && status?.isFile()) files.push(candidate);
  }
  return files;
}

const uncovered = (what: string, why: string) =>
  agentError('DEFINITION_UNCOVERED', { status: 422, detail: `${what}: ${why}` });
