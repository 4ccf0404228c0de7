import { malformed } from './malformed.ts';

/** RFC 7468, 5.1 and 5.3. */
const BEGIN = /-----BEGIN ((?:X509 )?CERTIFICATE)-----/g;
const ANY_BEGIN = '-----BEGIN ';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The certificates of a file, not read yet: the blocks of PEM in their order, whatever stands between them;
 * or the bytes as they are where there is no PEM, for they may be DER or what an NV index held. Throws
 * ParseError PEM_MALFORMED.
 */
export function certificatesOfFile(bytes: Uint8Array): readonly Uint8Array[] {
  if (isBinary(bytes)) return [bytes];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  if (!text.includes(ANY_BEGIN)) return [bytes];
  const blocks = [...text.matchAll(BEGIN)].map(({ 0: line, 1: label, index }) => {
    const start = index + line.length;
    const end = text.indexOf(`-----END ${label}-----`, start);
    const base64 = end === -1 ? undefined : text.slice(start, end).replace(/[\t\n\r ]+/g, '');
    if (base64 === undefined || base64 === '' || !BASE64.test(base64)) {
      throw malformed('PEM_MALFORMED', 'PEM', index);
    }
    return Uint8Array.from(Buffer.from(base64, 'base64'));
  });
  if (blocks.length === 0) throw malformed('PEM_MALFORMED', 'PEM', 0, 'no certificate');
  return blocks;
}

/** Begins as a certificate of more than 127 bytes does, or as the NV wrapper: no text has these bytes. */
function isBinary([first, second = 0]: Uint8Array): boolean {
  return (first === 0x30 && second >= 0x80) || (first === 0x10 && second === 0x01);
}
