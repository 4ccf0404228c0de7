import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { caError } from './ca-error.ts';
import type { EarlierAuthority } from './establish.ts';

/**
 * The certificates that an older version kept beside its keys. Without both there was no CA yet.
 * @throws AppError KEY_FILE_MALFORMED
 */
export async function earlierAuthority(stateDir: string): Promise<EarlierAuthority | undefined> {
  const root = await certificateIn(join(stateDir, 'root.cert.pem'));
  const issuing = await certificateIn(join(stateDir, 'issuing.cert.pem'));
  if (root === undefined || issuing === undefined) return undefined;
  const belongTogether = issuing.checkIssued(root) && issuing.verify(root.publicKey);
  if (belongTogether) return { root: root.raw, issuing: issuing.raw };
  throw caError('KEY_FILE_MALFORMED', 500, { detail: join(stateDir, 'issuing.cert.pem') });
}

async function certificateIn(path: string): Promise<X509Certificate | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    // EACCES: the directory is the issuance's alone, which is as new deployments have it.
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
  try {
    return new X509Certificate(bytes);
  } catch (cause) {
    throw caError('KEY_FILE_MALFORMED', 500, { detail: path, cause });
  }
}
