import {
  createCipheriv,
  createPrivateKey,
  type KeyObject,
  randomBytes,
  scrypt,
  type ScryptOptions,
} from 'node:crypto';
import { promisify } from 'node:util';
import { encodeEncryptedPrivateKey } from '@touchstone/endorsement';
import { pemOf } from './pem.ts';

const scryptAsync = promisify<Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

/** scrypt's N: 16 MiB, five times. As hard as 2^17 once, and within the 32 MiB that openssl allows a reader. */
export const SCRYPT_COST = 16_384;

/** Encrypted PKCS#8 in PEM, which `openssl pkey` opens as well. */
export async function encryptPrivateKey(
  key: KeyObject,
  passphrase: Uint8Array,
  cost: number,
): Promise<string> {
  const parameters = { cost, blockSize: 8, parallelization: 5 };
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const derived = await scryptAsync(passphrase, salt, 32, parameters);
  const plain = key.export({ type: 'pkcs8', format: 'der' });
  const cipher = createCipheriv('aes-256-cbc', derived, iv);
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  derived.fill(0);
  plain.fill(0);
  return pemOf(
    encodeEncryptedPrivateKey({ salt, ...parameters }, iv, encrypted),
    'ENCRYPTED PRIVATE KEY',
  );
}

/** Throws what OpenSSL throws, for a wrong passphrase as for damage. */
export function decryptPrivateKey(pem: string, passphrase: Uint8Array): KeyObject {
  return createPrivateKey({ key: pem, passphrase: Buffer.from(passphrase) });
}
