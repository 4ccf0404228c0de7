import { ParseError } from '@touchstone/tpm';

export type TarHeader = {
  readonly path: string;
  readonly size: number;
  readonly kind: 'file' | 'other' | 'long-name' | 'long-link' | 'extended';
};

const KINDS: Readonly<Record<string, TarHeader['kind']>> = {
  '0': 'file',
  '\0': 'file',
  L: 'long-name',
  x: 'extended',
  K: 'long-link',
  // Hard and symbolic links, devices, folders, pipes.
  '1': 'other',
  '2': 'other',
  '3': 'other',
  '4': 'other',
  '5': 'other',
  '6': 'other',
};

/**
 * A header block (POSIX.1-2017, pax, ustar Interchange Format; or GNU's). `at` is its offset.
 *
 * @throws ParseError DEB_TAR_HEADER
 */
export function readTarHeader(block: Uint8Array, at: number): TarHeader {
  const fail = (field: string, offset: number): never => {
    throw new ParseError('DEB_TAR_HEADER', `tar.${field}`, at + offset);
  };
  const text = (offset: number, length: number): string =>
    Buffer.from(block.subarray(offset, offset + length))
      .toString('utf8')
      .replace(/\0.*$/su, '');
  const octal = (field: string, offset: number, length: number): number => {
    const [, digits] = /^ *([0-7]+) *$/u.exec(text(offset, length)) ?? [];
    return digits === undefined ? fail(field, offset) : Number.parseInt(digits, 8);
  };
  if (octal('chksum', 148, 8) !== sumOf(block)) fail('chksum', 148);
  const magic = Buffer.from(block.subarray(257, 265)).toString('latin1');
  const isPosix = magic === 'ustar\x0000';
  if (!isPosix && magic !== 'ustar  \0') fail('magic', 257);
  const kind = KINDS[String.fromCodePoint(block[156] ?? 0)] ?? fail('typeflag', 156);
  const size = octal('size', 124, 12);
  if (kind === 'other' && size !== 0) fail('size', 124);
  const prefix = isPosix ? text(345, 155) : '';
  const name = text(0, 100);
  return { path: prefix === '' ? name : `${prefix}/${name}`, size, kind };
}

/** Of all bytes, those of the checksum itself counted as spaces. */
function sumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  return sum;
}
