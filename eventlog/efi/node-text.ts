import type { Reader } from '@touchstone/tpm';

/** One kind of node: reads the body, and gives UEFI's text for it. */
export type NodeText = (body: Reader) => string;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The rest as hexadecimal digits behind a comma; nothing for nothing. */
export function restAsHex(body: Reader): string {
  if (body.remaining === 0) return '';
  // A vendor may put 64 KiB there.
  const size = body.remaining;
  const bytes = body.bytes(size, 'VendorDefinedData');
  return size > MAX_SHOWN ? `,${hexOf(bytes.subarray(0, MAX_SHOWN))}...` : `,${hexOf(bytes)}`;
}

const MAX_SHOWN = 64;
