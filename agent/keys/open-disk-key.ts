import { createDecipheriv } from 'node:crypto';
import type { SealedDiskKey } from '@touchstone/schemas';
import { agentError } from '../codes.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The key of one disk, which the caller overwrites. It opens for the permit and the disk that it was sealed for, and for
 * no other.
 * @throws AppError DISK_KEY_UNREADABLE
 */
export function openDiskKey(
  releaseKey: Buffer,
  { disk, sealed }: SealedDiskKey,
  permitId: string,
): Buffer {
  const bytes = Buffer.from(sealed, 'base64url');
  const unreadable = (cause?: unknown) =>
    agentError('DISK_KEY_UNREADABLE', { detail: `disk ${disk}`, cause });
  if (bytes.length <= NONCE_BYTES + TAG_BYTES) throw unreadable();
  const decipher = createDecipheriv('aes-256-gcm', releaseKey, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(`touchstone/disk-key/1\0${permitId}\0${disk}`, 'utf8'));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  // A stream cipher: all of it comes here, and is a key only once the tag is checked.
  const key = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return key;
  } catch (cause) {
    key.fill(0);
    throw unreadable(cause);
  }
}
