import { type BankName, hash, Writer } from '@touchstone/tpm';

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

/** One entry of a made IMA list, as binary_runtime_measurements has it, and what the kernel extends PCR 10 with. */
export type MadeImaEntry = {
  readonly bytes: Uint8Array;
  readonly data: Uint8Array;
  readonly violation?: true;
};

/** Of the template ima-ng: a file by the SHA-256 of its content. */
function imaEntry(path: string, digest: Uint8Array): MadeImaEntry {
  const algorithm = Buffer.concat([utf8('sha256:\0'), digest]);
  const name = utf8(`${path}\0`);
  const data = new Writer('little')
    .u32(algorithm.length)
    .bytes(algorithm)
    .u32(name.length)
    .bytes(name)
    .finish();
  const bytes = new Writer('little')
    .u32(10)
    .bytes(hash('sha1', data))
    .u32(6)
    .bytes(utf8('ima-ng'))
    .u32(data.length)
    .bytes(data)
    .finish();
  return { bytes, data };
}

/** A file whose content is the text. */
export const imaFile = (path: string, content = path): MadeImaEntry =>
  imaEntry(path, hash('sha256', utf8(content)));

/** That a file was written while it was in use: the list has zeros for it, and PCR 10 is extended with ones. */
export function imaViolation(path: string): MadeImaEntry {
  const { bytes, data } = imaEntry(path, new Uint8Array(32));
  const zeros = Buffer.from(bytes);
  zeros.fill(0, 4, 24);
  return { bytes: zeros, data, violation: true };
}

/** The first entry of a boot in which PCR 0 to 9 are these; zeros where none is given. */
export const bootAggregate = (
  pcrs: readonly Uint8Array[] = Array.from({ length: 10 }, () => new Uint8Array(32)),
) => imaEntry('boot_aggregate', hash('sha256', ...pcrs));

export const imaBytes = (entries: readonly MadeImaEntry[]): Uint8Array =>
  new Uint8Array(Buffer.concat(entries.map(({ bytes }) => bytes)));

/** What a kernel extends PCR 10 with, in one bank. Before 5.8 it is the SHA-1, and zeros. */
export function imaExtend(
  { data, violation }: MadeImaEntry,
  bank: BankName,
  padded = false,
): Uint8Array {
  const own = hash(bank, data);
  if (violation === true) return own.fill(0xff);
  if (!padded) return own;
  const digest = new Uint8Array(own.length);
  digest.set(hash('sha1', data));
  return digest;
}

/** PCR 10 behind these entries. */
export const imaPcr = (entries: readonly MadeImaEntry[], padded = false): Uint8Array =>
  entries.reduce<Uint8Array>(
    (pcr, entry) => hash('sha256', pcr, imaExtend(entry, 'sha256', padded)),
    new Uint8Array(32),
  );

/** A line of a policy's files: what sha256sum prints. */
export const imaLine = (path: string, content = path): string =>
  `${Buffer.from(hash('sha256', utf8(content))).toString('hex')}  ${path}\n`;
