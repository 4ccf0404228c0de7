import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';
import { refuse } from '../codes.ts';
import { ByteReader } from './bytes.ts';

/*
 * The file: "touchstone-backup/1\n", a salt, a check of the key, then chunks of AES-256-GCM. The construction is
 * STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, 2015): each nonce holds the chunk's number and whether it is the
 * last, so that none can be changed, left out, put elsewhere or cut off. The key is used for this file alone (its
 * salt is random), so that nonces never repeat under it.
 */
const FAMILY = 'touchstone-backup/';
const MAGIC = Buffer.from(`${FAMILY}1\n`, 'ascii');
const SALT_BYTES = 16;
const CHECK_BYTES = 32;
export const HEADER_BYTES = MAGIC.length + SALT_BYTES + CHECK_BYTES;
const CHUNK_BYTES = 65_536;
const TAG_BYTES = 16;
/** RFC 7914: 128 MiB and about half a second. Fixed: a file cannot ask for more. */
const SCRYPT = { N: 131_072, r: 8, p: 1, maxmem: 268_435_456 } as const;

type SealingKey = { readonly header: Buffer; readonly key: Uint8Array };

/** A key for one new file. */
export async function newSealingKey(passphrase: Buffer): Promise<SealingKey> {
  const salt = randomBytes(SALT_BYTES);
  const { key, check } = await derive(passphrase, salt);
  return { header: Buffer.concat([MAGIC, salt, check]), key };
}

/**
 * The key of the file that begins so.
 * @throws UpError BACKUP_NOT_ONE, BACKUP_NEWER, BACKUP_TRUNCATED, BACKUP_WRONG_PASSPHRASE
 */
export async function openSealingKey(passphrase: Buffer, file: ByteReader): Promise<SealingKey> {
  const header = await file.upTo(HEADER_BYTES);
  const magic = header.subarray(0, MAGIC.length);
  if (!magic.equals(MAGIC)) {
    const family = Buffer.from(FAMILY, 'ascii');
    throw refuse(
      magic.subarray(0, family.length).equals(family) ? 'BACKUP_NEWER' : 'BACKUP_NOT_ONE',
    );
  }
  if (header.length < HEADER_BYTES) throw refuse('BACKUP_TRUNCATED');
  const salt = header.subarray(MAGIC.length, MAGIC.length + SALT_BYTES);
  const { key, check } = await derive(passphrase, salt);
  if (!timingSafeEqual(check, header.subarray(-CHECK_BYTES)))
    throw refuse('BACKUP_WRONG_PASSPHRASE');
  return { header: Buffer.from(header), key };
}

async function derive(passphrase: Buffer, salt: Uint8Array) {
  const slow = promisify<Buffer, Uint8Array, number, object, Buffer>(scrypt);
  const secret = await slow(passphrase, salt, 32, SCRYPT);
  const part = (use: string) =>
    new Uint8Array(hkdfSync('sha256', secret, '', `touchstone/backup/1/${use}`, 32));
  const check = createHmac('sha256', part('header')).update(MAGIC).update(salt).digest();
  return { key: part('chunks'), check };
}

/** Bytes to a file's bytes, header included. */
export async function* seal(
  plain: AsyncIterable<Uint8Array>,
  { header, key }: SealingKey,
): AsyncGenerator<Buffer> {
  yield header;
  const reader = new ByteReader(plain);
  for (let index = 0, last = false; !last; index += 1) {
    const chunk = await reader.upTo(CHUNK_BYTES);
    last = await reader.ended();
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index, last));
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  }
}

/**
 * What follows the header, to the bytes that were sealed. Nothing is given out that was not authenticated; that
 * it is whole is known only at the end.
 * @throws UpError BACKUP_DAMAGED, BACKUP_TRUNCATED
 */
export async function* unseal(file: ByteReader, key: Uint8Array): AsyncGenerator<Buffer> {
  for (let index = 0, last = false; !last; index += 1) {
    const chunk = await file.upTo(CHUNK_BYTES + TAG_BYTES);
    last = await file.ended();
    const plain = opened(chunk, key, nonceOf(index, last));
    if (plain === null) {
      const cutHere = last && opened(chunk, key, nonceOf(index, false)) !== null;
      const nothing = chunk.length === 0;
      const at = `at byte ${HEADER_BYTES + index * (CHUNK_BYTES + TAG_BYTES)}`;
      throw refuse(cutHere || nothing ? 'BACKUP_TRUNCATED' : 'BACKUP_DAMAGED', at);
    }
    yield plain;
  }
}

function opened(chunk: Buffer, key: Uint8Array, nonce: Buffer): Buffer | null {
  if (chunk.length < TAG_BYTES) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(chunk.subarray(-TAG_BYTES));
  const plain = decipher.update(chunk.subarray(0, -TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return null;
  }
}

/** 96 bits: the chunk's number, and 1 for the last. */
function nonceOf(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}
