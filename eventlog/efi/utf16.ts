const DECODER = new TextDecoder('utf-16le', { ignoreBOM: true });

/**
 * CHAR16 text: UEFI 2.10, 2.3.1. What is no UTF-16 (a lone surrogate, half a unit at the end) becomes
 * U+FFFD, so that the text is well-formed; NULs and controls stay as they are.
 */
export const utf16Text = (bytes: Uint8Array): string => DECODER.decode(bytes);

/** The same to the first NUL, which ends a CHAR16 string. Half a NUL at the end, as some log it, is one. */
export const utf16String = (bytes: Uint8Array): string => {
  const isHalf = bytes.length % 2 === 1 && bytes.at(-1) === 0;
  return toNul(utf16Text(isHalf ? bytes.subarray(0, -1) : bytes));
};

/** Bytes of ASCII, or of UTF-8, to the first NUL. What is no UTF-8 becomes U+FFFD. */
export const byteString = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
};

const toNul = (text: string): string => {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
};

/**
 * Whether these bytes are text of the Basic Latin block in CHAR16, rather than in bytes: every second one is
 * zero. For event data whose type leaves the encoding open. Half a unit at the end, if zero, is allowed.
 */
export function looksUtf16(bytes: Uint8Array): boolean {
  if (bytes.length < 2 || bytes[0] === 0) return false;
  for (let at = 1; at < bytes.length; at += 2) if (bytes[at] !== 0) return false;
  return bytes.length % 2 === 0 || bytes.at(-1) === 0;
}

/** Bytes that begin with printable ASCII and are nothing else to their first NUL. */
export function looksAscii(bytes: Uint8Array): boolean {
  const end = bytes.indexOf(0);
  const text = end < 0 ? bytes : bytes.subarray(0, end);
  return text.length > 0 && text.every((byte) => byte >= 0x20 && byte < 0x7f);
}
