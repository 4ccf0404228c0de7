const DECODER = new TextDecoder('utf-16le', { ignoreBOM: true });

/**
 * CHAR16 text: UEFI 2.10, 2.3.1. What is no UTF-16 (a lone surrogate, half a unit at the end) becomes
 * U+FFFD, so that the text is well-formed; NULs and controls stay as they are.
 */
export const utf16Text = (bytes: Uint8Array): string => DECODER.decode(bytes);
