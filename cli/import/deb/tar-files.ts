import { ParseError } from '@touchstone/tpm';
import type { ByteQueue } from './byte-queue.ts';
import type { DebLimits } from './deb-limits.ts';
import { readTarHeader, type TarHeader } from './tar-header.ts';

/** A regular file of a tar archive. Its path is a name and no more: nothing is ever written there. */
export type TarFile = {
  readonly path: string;
  readonly size: number;
  /** Its first bytes, at most 512. */
  readonly start: Uint8Array;
  /** All of it; to be asked for before the next file, or never. */
  content(): Promise<Uint8Array>;
};

const BLOCK = 512;

/**
 * The regular files of a tar archive as dpkg-deb writes it, in its order (deb(5); POSIX.1-2017, pax,
 * ustar; GNU's long names). Links, devices and folders are passed over, and so are paths that are absolute or
 * lead upwards. Each file whose content is asked for is there once.
 *
 * @throws ParseError DEB_TAR_HEADER, DEB_TAR_END, DEB_TOO_MANY_FILES, DEB_FILE_TWICE
 */
export async function* tarFiles(
  queue: ByteQueue,
  { maxFiles, maxPathBytes }: Pick<DebLimits, 'maxFiles' | 'maxPathBytes'>,
): AsyncIterable<TarFile> {
  const asked = new Set<string>();
  let longPath: string | undefined;
  for (let count = 0; ; count++) {
    const at = queue.offset;
    const block = await queue.take(BLOCK);
    if (block.length < BLOCK) throw new ParseError('DEB_TAR_END', 'tar', at);
    if (isZero(block)) break;
    if (count >= maxFiles) throw new ParseError('DEB_TOO_MANY_FILES', 'tar', at, `${count}`);
    const header = readTarHeader(block, at);
    const { size, kind } = header;
    if (kind === 'long-name' || kind === 'extended') {
      if (size > maxPathBytes) throw new ParseError('DEB_TAR_HEADER', 'tar.size', at, `${size}`);
      const text = await wholeOf(queue, size, at);
      if (kind === 'long-name') longPath = text.replace(/\0.*$/su, '');
      else longPath = extendedPath(text, at) ?? longPath;
      continue;
    }
    if (kind === 'long-link') {
      await skipFile(queue, size, at);
      continue;
    }
    const path = plainPath(longPath ?? header.path);
    longPath = undefined;
    if (kind !== 'file' || path === undefined) {
      await skipFile(queue, size, at);
      continue;
    }
    const start = await queue.take(Math.min(size, BLOCK));
    let rest: Promise<Uint8Array> | undefined;
    yield {
      path,
      size,
      start,
      content: () => {
        if (asked.has(path)) throw new ParseError('DEB_FILE_TWICE', path, at);
        asked.add(path);
        rest = queue.take(size - start.length);
        return rest.then((more) => Buffer.concat([start, more]));
      },
    };
    const there = start.length + ((await rest)?.length ?? (await queue.skip(size - start.length)));
    if (there < size) throw new ParseError('DEB_TAR_END', path, queue.offset);
    await skipFile(queue, 0, at, size);
  }
  await checkEnd(queue);
}

/** Past a file's content and what fills its last block. */
async function skipFile(queue: ByteQueue, size: number, at: number, passed = size): Promise<void> {
  const filling = -passed & (BLOCK - 1);
  if ((await queue.skip(size + filling)) < size + filling) {
    throw new ParseError('DEB_TAR_END', 'tar', at);
  }
}

async function wholeOf(queue: ByteQueue, size: number, at: number): Promise<string> {
  const bytes = await queue.take(size + (-size & (BLOCK - 1)));
  if (bytes.length < size) throw new ParseError('DEB_TAR_END', 'tar', at);
  return Buffer.from(bytes.subarray(0, size)).toString('utf8');
}

/** `path` of a pax header: records of "length key=value\n". Sizes beyond the header's own are not for packages. */
function extendedPath(text: string, at: number): string | undefined {
  let path: string | undefined;
  for (let rest = Buffer.from(text); rest.length > 0;) {
    const [, digits = '', key = ''] = /^([0-9]{1,5}) ([^=\n]+)=/u.exec(rest.toString('utf8')) ?? [];
    const length = Number(digits);
    const record = rest.subarray(0, length);
    if (digits === '' || length > rest.length || record.at(-1) !== 0x0a || key === 'size') {
      throw new ParseError('DEB_TAR_HEADER', 'pax', at);
    }
    if (key === 'path') path = record.subarray(digits.length + key.length + 2, -1).toString('utf8');
    rest = rest.subarray(length);
  }
  return path;
}

/** Without the leading `./`; undefined for what a package does not install. */
function plainPath(path: TarHeader['path']): string | undefined {
  const plain = path.replace(/^(\.\/+)+/u, '');
  const isOdd = plain === '' || plain.startsWith('/') || /[\0\n]/u.test(plain);
  return isOdd || plain.split('/').includes('..') ? undefined : plain;
}

/** Zeros end the archive; a second list behind them would be read by some and not by others. */
async function checkEnd(queue: ByteQueue): Promise<void> {
  for (;;) {
    const at = queue.offset;
    const block = await queue.take(BLOCK);
    if (block.length === 0) return;
    if (!isZero(block)) throw new ParseError('DEB_TAR_END', 'tar', at);
  }
}

const isZero = (block: Uint8Array): boolean => block.every((byte) => byte === 0);
