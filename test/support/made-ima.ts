import { type BankName, hash, Writer } from '@touchstone/tpm';

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A field as it lies in an entry's data, with what the list of text shows for it. */
export type SampleField = { readonly bytes: Uint8Array; readonly text: string };

/** d-ng: `sha256:` NUL and the digest. */
export function named(algorithm: string, digest: Uint8Array): SampleField {
  const text = `${algorithm}:${hex(digest)}`;
  return { bytes: Buffer.concat([ascii(`${algorithm}:\0`), digest]), text };
}
export const name = (text: string): SampleField => ({ bytes: ascii(`${text}\0`), text });
export const raw = (bytes: Uint8Array): SampleField => ({ bytes, text: hex(bytes) });
export function number(value: number, size: 2 | 4): SampleField {
  const writer = new Writer('little');
  const bytes = (size === 2 ? writer.u16(value) : writer.u32(value)).finish();
  return { bytes, text: `${value}` };
}
export const nothing: SampleField = { bytes: new Uint8Array(), text: '' };

export const digestOf = (text: string, bank: BankName = 'sha256'): Uint8Array =>
  hash(bank, ascii(text));
/** ima-ng's fields of a file whose content is its path. */
export const fileFields = (path: string): SampleField[] => [
  named('sha256', digestOf(path)),
  name(path),
];

export type SampleEntry = {
  readonly template: string;
  readonly fields: readonly SampleField[];
  readonly pcr?: number;
  readonly violation?: boolean;
  /** By default the one that the entry has. */
  readonly column?: Uint8Array;
  readonly bank?: BankName;
};

/** The data under an entry's hash. */
export function dataOfSample({ template, fields }: SampleEntry): Uint8Array {
  const writer = new Writer('little');
  if (template === 'ima') {
    const [digest, path] = fields;
    const padded = new Uint8Array(256);
    padded.set(path!.bytes);
    return writer.bytes(digest!.bytes).bytes(padded).finish();
  }
  for (const { bytes } of fields) writer.u32(bytes.length).bytes(bytes);
  return writer.finish();
}

function columnOf(entry: SampleEntry): Uint8Array {
  const digest = hash(entry.bank ?? 'sha1', dataOfSample(entry));
  return entry.column ?? (entry.violation === true ? new Uint8Array(digest.length) : digest);
}

/** As binary_runtime_measurements has it. */
function binaryEntry(entry: SampleEntry): Uint8Array {
  const { template, fields, pcr = 10 } = entry;
  const writer = new Writer('little').u32(pcr).bytes(columnOf(entry)).u32(template.length);
  writer.bytes(ascii(template));
  if (template === 'ima') {
    const [digest, path] = fields;
    const bytes = path!.bytes.slice(0, -1);
    return writer.bytes(digest!.bytes).u32(bytes.length).bytes(bytes).finish();
  }
  const data = dataOfSample(entry);
  return writer.u32(data.length).bytes(data).finish();
}

/** As ascii_runtime_measurements has it. */
function asciiEntry(entry: SampleEntry): Uint8Array {
  const { template, fields, pcr = 10 } = entry;
  const words = [hex(columnOf(entry)), template, ...fields.map(({ text }) => text)];
  return ascii(`${`${pcr}`.padStart(2)} ${words.join(' ')}\n`);
}

export const binaryList = (...entries: readonly SampleEntry[]): Uint8Array =>
  Buffer.concat(entries.map(binaryEntry));
export const asciiList = (...entries: readonly SampleEntry[]): Uint8Array =>
  Buffer.concat(entries.map(asciiEntry));
