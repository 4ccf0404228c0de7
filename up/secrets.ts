import { generateKeyPair, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { spkiPinOf } from '@touchstone/transport';
import { createDurably } from './durable-file.ts';

/**
 * The file's content, made by `make` the first time; the owner alone may read it. It is on the disk when this returns:
 * what is encrypted under it may be soon.
 */
export async function keepSecret(
  path: string,
  make: () => Promise<string | Uint8Array>,
): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
  const content = await make();
  await createDurably(path, content);
  return content.toString();
}

/** 256 random bits as a password. */
export const newPassword = (): Promise<string> =>
  Promise.resolve(randomBytes(32).toString('base64url'));

/** An ECDSA P-256 key as PKCS#8 PEM. */
export async function newSigningKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export type TlsIdentity = {
  readonly keyFile: string;
  readonly certFile: string;
  readonly pin: string;
};

/** A TLS key and a self-signed certificate, made once. Clients pin the key: nothing else is trusted. */
export async function keepTlsIdentity(directory: string, name: string): Promise<TlsIdentity> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const keyFile = join(directory, 'tls-key.pem');
  const certFile = join(directory, 'tls-cert.pem');
  const key = await keepSecret(keyFile, newSigningKey);
  const certificate = await keepSecret(certFile, () => selfSigned(key, name));
  return { keyFile, certFile, pin: spkiPinOf(new X509Certificate(certificate)) };
}

const TEN_YEARS_MS = 3_652 * 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** PEM, of ten years. */
export async function selfSigned(keyPem: string, name: string): Promise<string> {
  const crypto = webcrypto;
  const der = x509.PemConverter.decodeFirst(keyPem);
  const privateKey = await crypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
  const { d: _private, ...jwk } = await crypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await crypto.subtle.importKey(
    'jwk',
    { ...jwk, key_ops: ['verify'] },
    ALGORITHM,
    true,
    ['verify'],
  );
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${name}`,
      serialNumber: `01${randomBytes(15).toString('hex')}`,
      notBefore: new Date(Date.now() - 300_000),
      notAfter: new Date(Date.now() + TEN_YEARS_MS),
      keys: { privateKey, publicKey },
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      ],
    },
    crypto,
  );
  return `${certificate.toString('pem')}\n`;
}
