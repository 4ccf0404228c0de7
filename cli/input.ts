import { open } from 'node:fs/promises';
import { CliError } from './codes.ts';

export type Input = AsyncIterable<Uint8Array | string>;

/**
 * A file's text, or standard input's for `-`: UTF-8, bounded while it is read.
 * @throws CliError FILE_UNREADABLE, FILE_TOO_LARGE, FILE_NOT_TEXT
 */
export async function readInput(path: string, stdin: Input, maxBytes: number): Promise<string> {
  const bytes = await readStart(path, stdin, maxBytes + 1);
  if (bytes.length > maxBytes) {
    const name = path === '-' ? 'standard input' : path;
    throw new CliError('FILE_TOO_LARGE', `${name}: more than ${maxBytes} bytes`);
  }
  return textOf(bytes);
}

/**
 * A file's first bytes, or standard input's for `-`: `maxBytes` of them, or all if there are fewer.
 * @throws CliError FILE_UNREADABLE
 */
export async function readStart(path: string, stdin: Input, maxBytes: number): Promise<Uint8Array> {
  if (path === '-') return startOf(stdin, maxBytes);
  try {
    await using file = await open(path, 'r');
    return await startOf(file.createReadStream({ autoClose: false }), maxBytes);
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', describe(path, cause), cause);
  }
}

async function startOf(input: Input, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    chunks.push(bytes.subarray(0, maxBytes - size));
    size += bytes.length;
    if (size >= maxBytes) break;
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

/** What was read, and what people call it: refusals name it. */
export type NamedBytes = { readonly file: string; readonly bytes: Uint8Array };
