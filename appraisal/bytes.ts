/** Whether two byte strings are equal. Nothing compared here is secret. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export const hexOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex');

export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

/** RFC 4648, 5, without padding; undefined for every text that encoding the bytes would not give. */
export function bytesOfBase64Url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? plain(bytes) : undefined;
}

/** Lower-case hex only. */
export function bytesOfHex(text: string): Uint8Array | undefined {
  return HEX.test(text) ? plain(Buffer.from(text, 'hex')) : undefined;
}

const HEX = /^(?:[0-9a-f]{2})*$/;

/** The same bytes without Buffer's methods, some of which mean something else. */
const plain = ({ buffer, byteOffset, byteLength }: Buffer): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
