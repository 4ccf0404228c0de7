import { constants, type FileHandle, open } from 'node:fs/promises';
import { CliError } from '../codes.ts';

/** A file that is read here and there, never as a whole. */
export type FileSource = {
  readonly path: string;
  readonly size: number;
  /** Fewer bytes only where the file ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
  stream(offset: number, length: number): AsyncIterable<Uint8Array>;
};

const CHUNK_BYTES = 65_536;

/**
 * Opens a regular file for as long as `work` takes. Neither a folder nor a pipe is one, and what is
 * not there stays so: nothing is written.
 * @throws CliError FILE_UNREADABLE
 */
export async function withFile<T>(
  path: string,
  work: (source: FileSource) => Promise<T>,
): Promise<T> {
  await using file = await opened(path);
  const { size } = await file.stat();
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, offset + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  };
  async function* stream(offset: number, length: number): AsyncIterable<Uint8Array> {
    for (let at = 0; at < length; at += CHUNK_BYTES) {
      yield await read(offset + at, Math.min(CHUNK_BYTES, length - at));
    }
  }
  return await work({ path, size, read, stream });
}

async function opened(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    // A pipe would be waited for until somebody writes to it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new CliError('FILE_UNREADABLE', `${path}: ${code}`, cause);
  }
  await file.close();
  throw new CliError('FILE_UNREADABLE', `${path}: not a file`);
}
