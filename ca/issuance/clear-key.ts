import { createPrivateKey, type KeyObject } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CustodyError } from './custody-error.ts';
import { ALGORITHM_OF, type KeyCustody } from './custody.ts';
import type { KeyRole } from './issuance.ts';
import { readStateFile, stateFileExists, syncDirectory } from './state-file.ts';

/**
 * An older version's key, `root.key.pem` or `issuing.key.pem`, lies in clear text: it goes into custody under the label
 * of a CA's first key, is compared there, and only then removed. Stopped between any two steps, the next start goes on.
 * @throws CustodyError ROOT_KEY_LOCKED while there is no passphrase to encrypt it under, KEY_FILE_MODE,
 *   KEY_FILE_MALFORMED, and those of the custody
 */
export async function takeOverClearKey(
  stateDir: string,
  role: KeyRole,
  custody: KeyCustody,
): Promise<void> {
  const path = join(stateDir, `${role}.key.pem`);
  const done = `${path}.taken-over`;
  if (await stateFileExists(path)) {
    await custody.adopt(`first/${role}`, await readClearKey(path, role));
    await rename(path, done);
    await syncDirectory(stateDir);
  }
  if (!(await stateFileExists(done))) return;
  await overwrite(done);
  await rm(done);
  await syncDirectory(stateDir);
}

async function readClearKey(path: string, role: KeyRole): Promise<KeyObject> {
  const pem = await readStateFile(path);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyDetails?.namedCurve === ALGORITHM_OF[role].curve) return key;
  } catch (cause) {
    throw new CustodyError('KEY_FILE_MALFORMED', path, cause);
  } finally {
    pem.fill(0);
  }
  throw new CustodyError('KEY_FILE_MALFORMED', path);
}

/** As well as a file system lets: what a journal or a flash disk keeps of it is out of reach. */
async function overwrite(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size), 0, size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
