import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { IssuerCertificate } from '@touchstone/endorsement';
import { CliError } from '../codes.ts';
import { readStart } from '../input.ts';
import { readableCertificates } from './readable-certificates.ts';

/** The certificates of a directory, in DER, told apart by their form. */
export type CertificateStore = {
  /** Self-signed: these alone are trusted. */
  readonly roots: readonly Uint8Array[];
  /** Links of a chain, trusted for nothing. */
  readonly others: readonly Uint8Array[];
  /** Files with nothing in them that could be read as a certificate. */
  readonly unreadable: readonly string[];
};

/** The largest collection of TPM makers' certificates in use has a third of a megabyte. */
const MAX_FILE_BYTES = 4_194_304;

/**
 * Every file below a directory, PEM or DER; a collection may hold other files too.
 * @throws CliError FILE_UNREADABLE if there is no such directory, or a file of it cannot be read
 */
export async function readCertificateStore(directory: string): Promise<CertificateStore> {
  const found: IssuerCertificate[] = [];
  const unreadable: string[] = [];
  for (const file of await filesBelow(directory)) {
    const certificates = readableCertificates(await readStart(file, nothing(), MAX_FILE_BYTES));
    if (certificates.length === 0) unreadable.push(file);
    found.push(...certificates);
  }
  // The same certificate lies in many a collection twice, and would make two chains of one.
  const once = new Map(found.map((one) => [Buffer.from(one.der).toString('latin1'), one]));
  const dersOf = (selfSigned: boolean) =>
    [...once.values()].filter((one) => one.selfSigned === selfSigned).map(({ der }) => der);
  return { roots: dersOf(true), others: dersOf(false), unreadable };
}

async function filesBelow(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError('FILE_UNREADABLE', `${directory}: ${code ?? 'unreadable'}`, cause);
  }
}

async function* nothing() {}
