import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { spkiPinOf } from '@touchstone/transport';
import { syncDirectory, writeDurably } from '../durable-file.ts';
import { newSigningKey, selfSigned } from '../secrets.ts';

/** A room's TLS key and certificate, and those that come after. */
const filesIn = (directory: string) => ({
  key: join(directory, 'tls-key.pem'),
  cert: join(directory, 'tls-cert.pem'),
  nextKey: join(directory, 'tls-next-key.pem'),
  nextCert: join(directory, 'tls-next-cert.pem'),
});

/** What the room's configuration names: there while there is a next key. */
export const nextTlsCertificate = (directory: string): string => filesIn(directory).nextCert;

export const pinInUse = async (directory: string): Promise<string> =>
  spkiPinOf(await readFile(filesIn(directory).cert, 'utf8'));

/** The next key's pin, made if it is not there. The certificate last: with it the room tells of the key. */
export async function prepareNextTls(directory: string, name: string): Promise<string> {
  const { nextKey, nextCert } = filesIn(directory);
  const there = await readIfThere(nextCert);
  if (there !== null) return spkiPinOf(there);
  const key = (await readIfThere(nextKey)) ?? (await newSigningKey());
  await writeDurably(nextKey, key);
  const certificate = await selfSigned(key, name);
  await writeDurably(nextCert, certificate);
  return spkiPinOf(certificate);
}

/** The key first: whoever stops between the two goes on with `finishSwap`. The room shows both or neither. */
export async function swapTls(directory: string): Promise<void> {
  const { key, nextKey } = filesIn(directory);
  await rename(nextKey, key);
  await syncDirectory(directory);
  await finishSwap(directory);
}

/** Takes the next certificate where its key is in use already. */
export async function finishSwap(directory: string): Promise<void> {
  const { key, cert, nextCert } = filesIn(directory);
  const [keyPem, next] = [await readIfThere(key), await readIfThere(nextCert)];
  if (keyPem === null || next === null) return;
  if (!new X509Certificate(next).checkPrivateKey(createPrivateKey(keyPem))) return;
  await rename(nextCert, cert);
  await syncDirectory(directory);
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    return null;
  }
}
