import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { DiskName, StartPlan, StartQuestion, VmDisk } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import type { FileReader } from '../images/file-reader.ts';
import { type ImageLink, readCovered, readImageChain } from '../images/image-chain.ts';
import type { Definition, FileUse, ReadFile } from './definition.ts';
import { environmentFiles, inOrder } from './environment-files.ts';
import { type NamedFile, namedFiles } from './named-files.ts';
import type { FileRole } from './qemu-options.ts';

/** `StartRequest` in the schemas bounds them. */
const MAX_IMAGES = 64;

type Covered = NamedFile & {
  readonly sha256: string | null;
  readonly disk?: VmDisk;
  /** In a disk that takes its content from several files. */
  readonly link?: Pick<ImageLink, 'as' | 'format'>;
};

/**
 * The digest of what would be started: the VM, the command, where it runs, its whole environment, its
 * program, and the content of every file that the command or the environment names for the VM to boot
 * from or run on, with what disks take their content from, but for the disks that the plan calls data or sealed: those
 * count by their paths. What cannot be read, or covered, is not started.
 * @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED
 */
export async function describeCommand(
  question: StartQuestion,
  plan: StartPlan,
  reader: FileReader,
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
    for (const { link, ...read } of await readNamed(reader, file)) {
      const path = read.path;
      covered.push({ ...file, path, sha256: read.sha256, ...(link === undefined ? {} : { link }) });
      files.push({ ...read, use: USE[file.role] });
    }
  }
  const description = {
    schema: 'touchstone/definition/3',
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

const USE: Readonly<Record<FileRole, FileUse>> = {
  program: 'program',
  disk: 'written',
  firmware: 'loaded',
  kernel: 'loaded',
  memory: 'loaded',
  code: 'loaded',
  argument: 'loaded',
};

type ReadNamed = Pick<ImageLink, 'path' | 'sha256' | 'dev' | 'ino' | 'size' | 'mtimeNs'> & {
  readonly link?: Pick<ImageLink, 'as' | 'format'>;
};

/** None for memory in a directory, where QEMU makes a file without content. */
async function readNamed(reader: FileReader, { role, path }: NamedFile): Promise<ReadNamed[]> {
  if (role === 'disk') {
    const links = await readImageChain(reader, path, null);
    return links.map(({ as, format, ...read }) => ({ ...read, link: { as, format } }));
  }
  const inDirectory = role === 'memory' && (await stat(path).catch(() => null))?.isDirectory();
  return inDirectory ? [] : [{ path, ...(await readCovered(reader, path, 0)) }];
}
