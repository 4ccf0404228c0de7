import { gzipSync } from 'node:zlib';

export type MadeEntry = {
  readonly path: string;
  readonly data?: Uint8Array;
  /** POSIX typeflag: '0' a file, '1' a hard link, '2' a symbolic one, '3' a device, '5' a folder. */
  readonly type?: string;
  readonly linkTo?: string;
  /** What the header says, where that is not the data's length. */
  readonly size?: number;
};

const BLOCK = 512;
const blocks = (data: Uint8Array): Uint8Array =>
  Buffer.concat([data, new Uint8Array(-data.length & (BLOCK - 1))]);

/** A header block of GNU tar's format, with its checksum. */
function tarHeader({ path, data, type = '0', linkTo = '', size }: MadeEntry): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number) =>
    `${value.toString(8).padStart(length - 1, '0')}\0`;
  block.write(path, 0, 100);
  block.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8), 100, 'latin1');
  block.write(octal(size ?? data?.length ?? 0, 12) + octal(0, 12), 124, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write(linkTo, 157, 100);
  block.write('ustar  \0', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A tar archive as GNU tar writes it; what is behind its end is zeros unless stated. */
export function madeTar(entries: readonly MadeEntry[], end = new Uint8Array(2 * BLOCK)): Buffer {
  const parts = entries.flatMap((entry) => {
    const { path, data = new Uint8Array() } = entry;
    const long = Buffer.from(`${path}\0`);
    const name = [tarHeader({ path: '././@LongLink', data: long, type: 'L' }), blocks(long)];
    return [...(path.length > 99 ? name : []), tarHeader(entry), blocks(data)];
  });
  return Buffer.concat([...parts, end]);
}

export type MadeMember = { readonly name: string; readonly data: Uint8Array };

/** An ar archive: deb(5). */
export function madeAr(members: readonly MadeMember[]): Buffer {
  const parts = members.flatMap(({ name, data }) => {
    const head = [
      name.padEnd(16),
      '0'.padEnd(12),
      '0'.padEnd(6),
      '0'.padEnd(6),
      '100644'.padEnd(8),
    ];
    const header = `${head.join('')}${String(data.length).padEnd(10)}\`\n`;
    return [Buffer.from(header, 'latin1'), data, Buffer.alloc(data.length % 2, '\n')];
  });
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

export const VERSION_MEMBER: MadeMember = { name: 'debian-binary', data: Buffer.from('2.0\n') };

/** `control` of a package, as the archive has it. */
export const madeControl = (fields: Readonly<Record<string, string>>): Uint8Array =>
  Buffer.from(
    Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\n`)
      .join(''),
  );

const CONTROL = { Package: 'made', Version: '1.0-1', Architecture: 'amd64' };

export const controlMember = (fields: Readonly<Record<string, string>> = CONTROL): MadeMember => ({
  name: 'control.tar.gz',
  data: gzipSync(madeTar([{ path: './control', data: madeControl(fields) }])),
});

export const dataMember = (tar: Uint8Array): MadeMember => ({
  name: 'data.tar.gz',
  data: gzipSync(tar),
});

/** A package of these files, packed with gzip. */
export const madeDeb = (
  entries: readonly MadeEntry[],
  control?: Readonly<Record<string, string>>,
): Buffer => madeAr([VERSION_MEMBER, controlMember(control), dataMember(madeTar(entries))]);
