import { ParseError, type Reader } from '@touchstone/tpm';
import type { FileRange, PeImage } from './pe-image.ts';

/** IMAGE_SECTION_HEADER: Microsoft PE Format, Section Table. */
export type PeSection = {
  /** Up to eight characters, each of one byte. */
  readonly name: string;
  readonly virtualSize: number;
  readonly virtualAddress: number;
  /** PointerToRawData and SizeOfRawData. */
  readonly raw: FileRange;
};

const HEADER_BYTES = 40;

/** The section table, held against the file. Sections of no bytes may say any offset. */
export function readSections(
  reader: Reader,
  count: number,
  {
    sizeOfHeaders,
    certificateTable,
    fileLength,
  }: Pick<PeImage, 'sizeOfHeaders' | 'certificateTable'> & { readonly fileLength: number },
): PeSection[] {
  const end = certificateTable?.offset ?? fileLength;
  const table = reader.offset;
  const sections = Array.from({ length: count }, (_, index) => {
    const start = reader.offset;
    const section = readSection(reader, `sections[${index}]`);
    const { offset, length } = section.raw;
    if (length > 0 && (offset < sizeOfHeaders || offset + length > end)) {
      const detail = `${length} bytes at ${offset}`;
      throw new ParseError('PE_SECTION_RANGE', `sections[${index}].SizeOfRawData`, start, detail);
    }
    return section;
  });
  const inOrder = [...sections.keys()]
    .filter((index) => sections[index]?.raw.length !== 0)
    .toSorted((a, b) => (sections[a]?.raw.offset ?? 0) - (sections[b]?.raw.offset ?? 0));
  let taken = sizeOfHeaders;
  for (const index of inOrder) {
    const { offset, length } = sections[index]?.raw ?? { offset: 0, length: 0 };
    if (offset < taken) {
      const field = `sections[${index}].PointerToRawData`;
      throw new ParseError('PE_SECTION_OVERLAP', field, table + HEADER_BYTES * index + 20);
    }
    taken = offset + length;
  }
  return sections;
}

function readSection(reader: Reader, field: string): PeSection {
  const name = Buffer.from(reader.bytes(8, `${field}.Name`)).toString('latin1');
  const virtualSize = reader.u32(`${field}.VirtualSize`);
  const virtualAddress = reader.u32(`${field}.VirtualAddress`);
  const length = reader.u32(`${field}.SizeOfRawData`);
  const offset = reader.u32(`${field}.PointerToRawData`);
  reader.bytes(16, `${field}.Characteristics`);
  return {
    name: name.replace(/\0.*$/su, ''),
    virtualSize,
    virtualAddress,
    raw: { offset, length },
  };
}
