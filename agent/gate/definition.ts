import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { StartQuestion } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import { digestOfFile } from '../file-digest.ts';
import { refersElsewhere } from './disk-image.ts';
import { environmentFiles, inOrder } from './environment-files.ts';
import { type NamedFile, namedFiles } from './named-files.ts';
import { leadsThroughProcess } from './process-paths.ts';

/** `StartRequest` in the schemas bounds them. */
const MAX_IMAGES = 64;

export type Definition = {
  readonly digest: string;
  readonly imageDigests: readonly string[];
};

/**
 * The digest of what would be started: the VM, the command, where it runs, its whole environment, its
 * program, and the content of every file that the command or the environment names for the VM to boot
 * from or run on. What cannot be read, or covered, is not started.
 * @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED
 */
export async function describeDefinition(question: StartQuestion): Promise<Definition> {
  const { vm, operation, command, workingDirectory, environment } = question;
  const files: (NamedFile & { readonly sha256: string })[] = [];
  const named = [
    ...(await namedFiles(command, workingDirectory)),
    ...(await environmentFiles(environment, workingDirectory)),
  ];
  for (const file of named) {
    const sha256 = await digestOf(file);
    if (sha256 !== null) files.push({ ...file, sha256 });
  }
  const description = {
    schema: 'touchstone/definition/2',
    vm,
    operation,
    workingDirectory,
    command,
    environment: inOrder(environment),
    files,
  };
  const digest = createHash('sha256').update(JSON.stringify(description)).digest('hex');
  const images = new Set(files.filter(({ role }) => role !== 'program').map((file) => file.sha256));
  if (images.size > MAX_IMAGES) {
    throw agentError('DEFINITION_UNCOVERED', {
      status: 422,
      detail: `${images.size} images; ${MAX_IMAGES} at most`,
    });
  }
  return { digest, imageDigests: [...images] };
}

/** Null for memory in a directory, where QEMU makes a file without content. */
async function digestOf({ role, path }: NamedFile): Promise<string | null> {
  if (await leadsThroughProcess(path)) {
    throw agentError('DEFINITION_UNCOVERED', {
      status: 422,
      detail: `${path}: another file for each process that opens it`,
    });
  }
  try {
    if (role === 'memory' && (await stat(path)).isDirectory()) return null;
    const { sha256, head } = await digestOfFile(path);
    if (role !== 'disk' || !refersElsewhere(head)) return sha256;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown';
    throw agentError('DEFINITION_UNREADABLE', { status: 422, detail: `${path}: ${reason}`, cause });
  }
  throw agentError('DEFINITION_UNCOVERED', {
    status: 422,
    detail: `${path}: may take its content from another file (backing file, extent)`,
  });
}
