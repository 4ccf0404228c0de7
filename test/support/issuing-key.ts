import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CaBundle } from '@touchstone/schemas';
import { pinnedClient, spkiPinOf } from '@touchstone/transport';

/** The issuing key of a CA that `up` runs, and the certificate (DER) that its bundle has of it. */
export async function issuingAuthorityOf(
  caDirectory: string,
): Promise<{ readonly certificate: Uint8Array; readonly key: KeyObject }> {
  const read = (...path: string[]) => readFile(join(caDirectory, ...path), 'utf8');
  const passphrase = await read('key-passphrase');
  const files = await readdir(join(caDirectory, 'state/keys/issuing'));
  const keys = await Promise.all(
    files.map(async (file) => {
      const text = await read('state/keys/issuing', file);
      return createPrivateKey({ key: text.slice(text.indexOf('-----BEGIN ENC')), passphrase });
    }),
  );
  const active = (await bundleOf(caDirectory)).issuers.find(({ state }) => state === 'active');
  const { raw, publicKey } = new X509Certificate(active?.certificate ?? '');
  const key = keys.find((held) => createPublicKey(held).equals(publicKey));
  if (key === undefined) throw new Error('the active issuing key is not in its directory');
  return { certificate: raw, key };
}

async function bundleOf(caDirectory: string): Promise<CaBundle> {
  const config = await readFile(join(caDirectory, 'config.json'), 'utf8');
  const { publicUrl: url } = JSON.parse(config) as { publicUrl: string };
  const pin = spkiPinOf(await readFile(join(caDirectory, 'tls-cert.pem'), 'utf8'));
  const client = pinnedClient({ url, pin });
  try {
    return await client.request({ method: 'GET', path: '/v1/bundle', schema: CaBundle });
  } finally {
    await client.close();
  }
}
