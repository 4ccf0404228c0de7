import { closeSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretSource } from '../custody-config.ts';
import { CustodyError } from '../issuance/index.ts';

const MAX_BYTES = 4_096;
/** What no machine guesses, made by hand; of a machine's making there are more anyway. */
const MIN_BYTES = { passphrase: 16, pin: 4 } as const;

/**
 * Reads a secret, once, from where the configuration says it is: a file that nobody else can read, a descriptor, or a
 * systemd credential by its name. One line end after it is none of it.
 * @throws CustodyError PASSPHRASE_UNFIT
 */
export async function readSecret(
  source: SecretSource,
  kind: keyof typeof MIN_BYTES,
): Promise<Uint8Array> {
  const name = nameOf(source);
  let bytes: Buffer;
  try {
    bytes = 'fd' in source ? readDescriptor(source.fd) : await readClosedFile(source, name);
  } catch (cause) {
    throw cause instanceof CustodyError ? cause : new CustodyError('PASSPHRASE_UNFIT', name, cause);
  }
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? 2 : 1) : 0;
  const secret = Uint8Array.from(bytes.subarray(0, bytes.length - end));
  bytes.fill(0);
  if (secret.length < MIN_BYTES[kind] || bytes.length > MAX_BYTES) {
    throw new CustodyError('PASSPHRASE_UNFIT', name);
  }
  return secret;
}

function nameOf(source: SecretSource): string {
  if ('fd' in source) return `descriptor ${source.fd}`;
  return 'file' in source ? source.file : `credential ${source.credential}`;
}

async function readClosedFile(
  source: Exclude<SecretSource, { fd: number }>,
  name: string,
): Promise<Buffer> {
  const file = await open('file' in source ? source.file : credentialPath(source.credential));
  try {
    const { mode } = await file.stat();
    if ((mode & openTo(source)) !== 0) throw new CustodyError('PASSPHRASE_UNFIT', name);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MAX_BYTES + 1) });
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * The bits of a mode by which others would read it. A credential's group bits are the mask of the list by which systemd
 * lets its service alone read it.
 */
function openTo(source: Exclude<SecretSource, { fd: number }>): number {
  if ('credential' in source) return 0o007;
  return source.container === true ? 0 : 0o077;
}

/** systemd.exec(5), CREDENTIALS: the service manager names the directory. */
function credentialPath(credential: string): string {
  const directory = process.env['CREDENTIALS_DIRECTORY'];
  if (directory === undefined) throw new CustodyError('PASSPHRASE_UNFIT', credential);
  return join(directory, credential);
}

/** To its end, or to more than any secret has. A pipe gives what it has once. */
function readDescriptor(fd: number): Buffer {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  closeSync(fd);
  return buffer.subarray(0, length);
}
