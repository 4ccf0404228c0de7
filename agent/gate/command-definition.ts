import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { DiskName, StartPlan, StartQuestion, VmDisk } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import type { Definition, ReadFile } from './definition.ts';
import { digestOfFile, type FileDigest } from '../file-digest.ts';
import { refersElsewhere } from './disk-image.ts';
import { environmentFiles, inOrder } from './environment-files.ts';
import { type NamedFile, namedFiles } from './named-files.ts';
import { leadsThroughProcess } from './process-paths.ts';

/** `StartRequest` in the schemas bounds them. */
const MAX_IMAGES = 64;

type Covered = NamedFile & { readonly sha256: string | null; readonly disk?: VmDisk };

/**
 * The digest of what would be started: the VM, the command, where it runs, its whole environment, its
 * program, and the content of every file that the command or the environment names for the VM to boot
 * from or run on, but for the disks that the plan calls data or sealed: those count by their paths. What cannot be
 * read, or covered, is not started.
 * @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED
 */
export async function describeCommand(
  question: StartQuestion,
  plan: StartPlan,
): Promise<Definition> {
  const { vm, operation, command, workingDirectory, environment } = question;
  const covered: Covered[] = [];
  const files: ReadFile[] = [];
  const named = [
    ...(await namedFiles(command, workingDirectory)),
    ...(await environmentFiles(environment, workingDirectory)),
  ];
  const names = diskNames(named);
  for (const file of named) {
    const disk = plan.disks.find(({ name }) => name === names.get(file));
    if (disk !== undefined) {
      covered.push({ ...file, sha256: null, disk });
      continue;
    }
    const read = await digestOf(file);
    if (read === null) continue;
    covered.push({ ...file, sha256: read.sha256 });
    files.push({ path: file.path, dev: read.dev, ino: read.ino });
  }
  const description = {
    schema: 'touchstone/definition/2',
    vm,
    operation,
    workingDirectory,
    command,
    environment: inOrder(environment),
    files: covered,
  };
  const digest = createHash('sha256').update(JSON.stringify(description)).digest('hex');
  const images = new Set(
    covered.flatMap(({ role, sha256 }) => (role === 'program' || sha256 === null ? [] : [sha256])),
  );
  if (images.size > MAX_IMAGES) {
    throw agentError('DEFINITION_UNCOVERED', {
      status: 422,
      detail: `${images.size} images; ${MAX_IMAGES} at most`,
    });
  }
  const unread = covered.flatMap(({ disk }) => (disk === undefined ? [] : [disk]));
  return {
    digest,
    imageDigests: [...images],
    dataDisks: unread.map(({ name }) => name),
    sealedDisks: unread
      .filter(({ kind }) => kind === 'sealed')
      .map(({ name }) => ({ disk: name, secret: null })),
    files,
  };
}

/** `disk0`, `disk1` in the order in which the command names them. */
function diskNames(named: readonly NamedFile[]): ReadonlyMap<NamedFile, DiskName> {
  const disks = named.filter(({ role }) => role === 'disk');
  return new Map(disks.map((file, index) => [file, `disk${index}`]));
}

/** Null for memory in a directory, where QEMU makes a file without content. */
async function digestOf({ role, path }: NamedFile): Promise<FileDigest | null> {
  if (await leadsThroughProcess(path)) {
    throw agentError('DEFINITION_UNCOVERED', {
      status: 422,
      detail: `${path}: another file for each process that opens it`,
    });
  }
  try {
    if (role === 'memory' && (await stat(path)).isDirectory()) return null;
    const read = await digestOfFile(path);
    if (role !== 'disk' || !refersElsewhere(read.head)) return read;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown';
    throw agentError('DEFINITION_UNREADABLE', { status: 422, detail: `${path}: ${reason}`, cause });
  }
  throw agentError('DEFINITION_UNCOVERED', {
    status: 422,
    detail: `${path}: may take its content from another file (backing file, extent)`,
  });
}
