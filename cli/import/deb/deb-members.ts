import { ParseError } from '@touchstone/tpm';
import type { FileSource } from '../file-source.ts';
import type { DebLimits } from './deb-limits.ts';

/** A member of the ar archive that a .deb is: deb(5). */
export type DebMember = {
  readonly name: string;
  /** Of its content in the file. */
  readonly offset: number;
  readonly size: number;
};

const MAGIC = '!<arch>\n';
const HEADER_BYTES = 60;
const VERSION_BYTES = 4;

/** Whether a file begins as an ar archive does. */
export const isArchive = (start: Uint8Array): boolean =>
  Buffer.from(start.subarray(0, MAGIC.length)).toString('latin1') === MAGIC;

/**
 * The parts of a package: `debian-binary` of version 2, then control.tar, then data.tar. Others may stand
 * between them if their names begin with an underscore. Nothing follows the data.
 *
 * @throws ParseError DEB_MAGIC, DEB_TOO_LARGE, DEB_MEMBER, DEB_MEMBER_HEADER, DEB_VERSION
 */
export async function readDebMembers(
  file: FileSource,
  { maxBytes, maxMembers }: Pick<DebLimits, 'maxBytes' | 'maxMembers'>,
): Promise<{ readonly control: DebMember; readonly data: DebMember }> {
  if (file.size > maxBytes) {
    throw new ParseError('DEB_TOO_LARGE', 'file', maxBytes, `${file.size} bytes`);
  }
  if (!isArchive(await file.read(0, MAGIC.length))) throw new ParseError('DEB_MAGIC', 'magic', 0);
  const version = await readMember(file, MAGIC.length);
  if (version.name !== 'debian-binary') {
    throw new ParseError('DEB_MEMBER', 'debian-binary', MAGIC.length, version.name);
  }
  await checkVersion(file, version);
  let control: DebMember | undefined;
  let at = nextOffset(version);
  for (let count = 0; count < maxMembers && at < file.size; count++) {
    const member = await readMember(file, at);
    at = nextOffset(member);
    if (member.name.startsWith('_')) continue;
    if (control === undefined && /^control\.tar(\.|$)/u.test(member.name)) control = member;
    else if (control !== undefined && /^data\.tar(\.|$)/u.test(member.name)) {
      if (at < file.size) throw new ParseError('DEB_MEMBER', 'data.tar', at, 'not the last part');
      return { control, data: member };
    } else throw new ParseError('DEB_MEMBER', member.name, member.offset - HEADER_BYTES);
  }
  throw new ParseError('DEB_MEMBER', control === undefined ? 'control.tar' : 'data.tar', at);
}

const nextOffset = ({ offset, size }: DebMember): number => offset + size + (size % 2);

async function readMember(file: FileSource, at: number): Promise<DebMember> {
  const fail = (field: string, offset: number): never => {
    throw new ParseError('DEB_MEMBER_HEADER', field, at + offset);
  };
  const header = Buffer.from(await file.read(at, HEADER_BYTES)).toString('latin1');
  if (header.length < HEADER_BYTES) fail('header', header.length);
  if (header.slice(58) !== '`\n') fail('ar_fmag', 58);
  const [, name] = /^([!-~]{1,16}?)\/? *$/u.exec(header.slice(0, 16)) ?? [];
  if (name === undefined) return fail('ar_name', 0);
  const [, digits] = /^([0-9]{1,10}) *$/u.exec(header.slice(48, 58)) ?? [];
  if (digits === undefined) return fail('ar_size', 48);
  const [offset, size] = [at + HEADER_BYTES, Number(digits)];
  if (offset + size > file.size) fail('ar_size', 48);
  return { name, offset, size };
}

async function checkVersion(file: FileSource, { offset, size }: DebMember): Promise<void> {
  const said = Buffer.from(await file.read(offset, Math.min(size, VERSION_BYTES))).toString(
    'latin1',
  );
  if (!/^2\.[0-9]/u.test(said)) throw new ParseError('DEB_VERSION', 'debian-binary', offset);
}
