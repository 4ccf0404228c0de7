import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { CliError } from '../codes.ts';
import { readStart } from '../input.ts';
import { readableCertificates } from '../inspect/readable-certificates.ts';

/** A certificate out of a directory. `name` is the file's, below it. */
export type FoundCertificate = {
  readonly name: string;
  readonly der: Uint8Array;
  readonly selfSigned: boolean;
};

export type FoundCertificates = {
  readonly certificates: readonly FoundCertificate[];
  /** Files in which nothing could be read as a certificate. */
  readonly unreadable: readonly string[];
};

/** The widest collection, Microsoft's, has about 1,500 files. */
const MAX_FILES = 10_000;
const MAX_CERTIFICATES = 10_000;
/** The largest collection in one file has a third of a megabyte. */
const MAX_FILE_BYTES = 4_194_304;

/**
 * The certificates of every file below a directory, PEM or DER, in whatever order and under whatever names: the tree of
 * an extracted TrustedTpm.cab, or a folder of downloads. The same one in two files is one. A single file is one, too.
 * @throws CliError FILE_UNREADABLE, FILE_TOO_LARGE
 */
export async function readMakerCertificates(path: string): Promise<FoundCertificates> {
  const found = new Map<string, FoundCertificate>();
  const unreadable: string[] = [];
  for (const file of await filesBelow(path)) {
    const name = relative(path, file) || file;
    const certificates = readableCertificates(await readStart(file, nothing(), MAX_FILE_BYTES));
    if (certificates.length === 0) unreadable.push(name);
    for (const [index, { der, selfSigned }] of certificates.entries()) {
      const key = Buffer.from(der).toString('latin1');
      if (found.has(key)) continue;
      const which = certificates.length === 1 ? name : `${name} (${index + 1})`;
      found.set(key, { name: printable(which), der, selfSigned });
    }
    if (found.size > MAX_CERTIFICATES) {
      throw new CliError('FILE_TOO_LARGE', `${path}: more than ${MAX_CERTIFICATES} certificates`);
    }
  }
  return { certificates: [...found.values()], unreadable };
}

async function filesBelow(path: string): Promise<string[]> {
  let files: string[];
  try {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return [path];
    throw new CliError('FILE_UNREADABLE', `${path}: ${code ?? 'unreadable'}`, cause);
  }
  if (files.length > MAX_FILES) {
    throw new CliError('FILE_TOO_LARGE', `${path}: more than ${MAX_FILES} files`);
  }
  return files;
}

const printable = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]/gu, '\ufffd')
    .slice(0, 1_024);

async function* nothing() {}
