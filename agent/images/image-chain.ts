import { dirname, isAbsolute } from 'node:path';
import { ParseError } from '@touchstone/tpm';
import { agentError } from '../codes.ts';
import { pathFrom } from '../gate/path-from.ts';
import { leadsThroughProcess } from '../gate/process-paths.ts';
import type { FileReader, ReadContent } from './file-reader.ts';
import {
  guessFormat,
  HEADER_BYTES,
  headerBytes,
  type ImageFormat,
  readQcow2Header,
} from './image-header.ts';

/** One file of a disk: the image that was named, or what the one before it takes its content from. */
export type ImageLink = Omit<ReadContent, 'head'> & {
  readonly path: string;
  readonly format: ImageFormat;
  readonly as: 'image' | 'backing' | 'data';
};

const MAX_LINKS = 16;

/** QEMU's protocols: a colon before any slash. `file:` is one, too. */
const PROTOCOL = /^[^/]*:/u;

/**
 * An image and all that it takes its content from, as its headers say, the named one first. `format` is what QEMU is
 * told to read it as, null where QEMU guesses. Backing files are named from the directory of the image that names
 * them, by the path that it was named by; data files by their whole path.
 * @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED
 */
export async function readImageChain(
  files: FileReader,
  path: string,
  format: ImageFormat | null,
): Promise<ImageLink[]> {
  const links: ImageLink[] = [];
  let next: { path: string; format: ImageFormat | null; as: ImageLink['as'] } | null = {
    path,
    format,
    as: 'image',
  };
  while (next !== null) {
    if (links.length >= MAX_LINKS) throw uncovered(path, `more than ${MAX_LINKS} files`);
    const { head, ...content } = await readWithHeader(files, next.path);
    const found = next.format ?? guessFormat(head);
    if (found === null) throw uncovered(next.path, 'a format that may name other files');
    links.push({ ...content, path: next.path, format: found, as: next.as });
    if (found === 'raw') break;
    const header = headerOf(next.path, head);
    if (header.dataFile !== null) {
      const data = dataFileOf(next.path, header.dataFile);
      const { head: _, ...dataContent } = await readCovered(files, data, 0);
      links.push({ ...dataContent, path: data, format: 'raw', as: 'data' });
    }
    if (header.backingFile === null) break;
    next = {
      path: besides(next.path, header.backingFile),
      format: backingFormat(next.path, header.backingFormat),
      as: 'backing',
    };
  }
  return links;
}

async function readWithHeader(files: FileReader, path: string): Promise<ReadContent> {
  const read = await readCovered(files, path, HEADER_BYTES);
  const needed = headerBytes(read.head);
  return needed <= HEADER_BYTES ? read : readCovered(files, path, needed);
}

/** @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED */
export async function readCovered(
  files: FileReader,
  path: string,
  headBytes?: number,
): Promise<ReadContent> {
  if (await leadsThroughProcess(path)) {
    throw uncovered(path, 'another file for each process that opens it');
  }
  try {
    return await files.read(path, headBytes);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function headerOf(path: string, head: Uint8Array) {
  try {
    return readQcow2Header(head);
  } catch (cause) {
    if (cause instanceof ParseError) throw unreadable(path, cause);
    throw cause;
  }
}

function besides(image: string, named: string): string {
  if (PROTOCOL.test(named)) throw uncovered(image, `its header names ${named}`);
  return pathFrom(dirname(image), named);
}

/** QEMU looks for it from where QEMU runs, and not from where the image lies. */
function dataFileOf(image: string, named: string): string {
  if (PROTOCOL.test(named) || !isAbsolute(named)) {
    throw uncovered(image, `its header names a data file without its whole path: ${named}`);
  }
  return named;
}

/** Without one QEMU would guess, and a guest that writes its own raw disk could decide the guess. */
function backingFormat(image: string, named: string | null): ImageFormat {
  if (named === 'raw' || named === 'qcow2') return named;
  throw uncovered(
    image,
    named === null
      ? 'its header does not say which format its backing file has (qemu-img rebase -u -F)'
      : `its backing file has the format ${named}`,
  );
}

const uncovered = (path: string, why: string) =>
  agentError('DEFINITION_UNCOVERED', { status: 422, detail: `${path}: ${why}` });

function unreadable(path: string, cause: unknown) {
  const reason = cause instanceof Error ? cause.message : 'unknown';
  return agentError('DEFINITION_UNREADABLE', { status: 422, detail: `${path}: ${reason}`, cause });
}
