import { open, type FileHandle } from 'node:fs/promises';
import { CliError } from './codes.ts';

export type Input = AsyncIterable<Uint8Array | string>;

/**
 * A file's text, or standard input's for `-`: UTF-8, bounded while it is read.
 * @throws CliError FILE_UNREADABLE, FILE_TOO_LARGE, FILE_NOT_TEXT
 */
export async function readInput(path: string, stdin: Input, maxBytes: number): Promise<string> {
  if (path === '-') return textOf(await readBounded(stdin, maxBytes, 'standard input'));
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', describe(path, cause), cause);
  }
  try {
    return textOf(await readBounded(file.createReadStream({ autoClose: false }), maxBytes, path));
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('FILE_UNREADABLE', describe(path, cause), cause);
  } finally {
    await file.close();
  }
}

async function readBounded(input: Input, maxBytes: number, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > maxBytes)
      throw new CliError('FILE_TOO_LARGE', `${name}: more than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CliError('FILE_NOT_TEXT', undefined, cause);
  }
}

const describe = (path: string, cause: unknown): string =>
  `${path}: ${(cause as NodeJS.ErrnoException).code ?? 'unreadable'}`;
