import { caError } from './ca-error.ts';

export const encodeBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString('base64url');

/** Throws AppError BASE64URL_MALFORMED for a text that is not the one encoding of its bytes. */
export function decodeBase64Url(text: string, field: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw caError('BASE64URL_MALFORMED', 400, { field });
  return bytes;
}
