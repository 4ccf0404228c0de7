import { ParseError, Reader } from '@touchstone/tpm';
import { readOptionalHeader } from './optional-header.ts';
import { type PeSection, readSections } from './section-table.ts';

/** A run of bytes of the file. */
export type FileRange = { readonly offset: number; readonly length: number };

/**
 * A UEFI image's layout (Microsoft PE Format; UEFI 2.10, 2.1.1). Offsets are of the file, which is not
 * kept: whoever has the layout has the bytes.
 */
export type PeImage = {
  readonly format: 'pe32' | 'pe32+';
  readonly machine: number;
  /** 10 to 12 are UEFI applications and drivers, 13 an option ROM. */
  readonly subsystem: number;
  readonly sizeOfHeaders: number;
  /** Where OptionalHeader.CheckSum is. */
  readonly checkSumOffset: number;
  /** Where the data directory's entry for the certificate table is; undefined where there is none. */
  readonly certificateEntryOffset: number | undefined;
  /** The certificate table, which ends the file; undefined where the image is unsigned. */
  readonly certificateTable: FileRange | undefined;
  /** In the order of the section table. */
  readonly sections: readonly PeSection[];
  /** Of the whole file. */
  readonly length: number;
};

export const PE_LIMITS = {
  /** A unified kernel image with a large initrd fits several times. */
  maxBytes: 1024 * 1024 * 1024,
  maxSections: 96,
} as const;

const DOS_HEADER_BYTES = 64;
const MZ = 0x5a4d;
const PE_SIGNATURE = 0x4550;

/**
 * Reads a PE32 or PE32+ image's headers; what they say is held against the file, so that every range of
 * the result is within it, no two sections overlap, and a certificate table is the file's end. Stricter
 * than firmware, which loads a few of the images that are refused here.
 *
 * @throws ParseError with a PE_* code of EVENTLOG_CODES, or TRUNCATED
 */
export function parsePeImage(bytes: Uint8Array): PeImage {
  if (bytes.length > PE_LIMITS.maxBytes) {
    throw new ParseError('PE_TOO_LARGE', 'file', PE_LIMITS.maxBytes, `${bytes.length} bytes`);
  }
  const reader = new Reader(bytes, 'little', peHeaderOffset(bytes));
  const start = reader.offset;
  if (reader.u32('Signature') !== PE_SIGNATURE) {
    throw new ParseError('PE_SIGNATURE', 'Signature', start);
  }
  const machine = reader.u16('FileHeader.Machine');
  const countOffset = reader.offset;
  const count = reader.u16('FileHeader.NumberOfSections');
  if (count === 0 || count > PE_LIMITS.maxSections) {
    throw new ParseError(
      'PE_SECTION_COUNT',
      'FileHeader.NumberOfSections',
      countOffset,
      `${count}`,
    );
  }
  reader.bytes(12, 'FileHeader.TimeDateStamp');
  const optionalSize = reader.u16('FileHeader.SizeOfOptionalHeader');
  reader.u16('FileHeader.Characteristics');
  const header = readOptionalHeader(reader.window(optionalSize, 'OptionalHeader'), bytes.length);
  const sections = readSections(reader, count, { ...header, fileLength: bytes.length });
  if (reader.offset > header.sizeOfHeaders) {
    const field = 'OptionalHeader.SizeOfHeaders';
    throw new ParseError('PE_SIZE_OF_HEADERS', field, header.sizeOfHeadersOffset);
  }
  const { sizeOfHeadersOffset: _, ...layout } = header;
  return { ...layout, machine, sections, length: bytes.length };
}

function peHeaderOffset(bytes: Uint8Array): number {
  const dos = new Reader(bytes, 'little');
  if (dos.u16('e_magic') !== MZ) throw new ParseError('PE_DOS_MAGIC', 'e_magic', 0);
  dos.bytes(DOS_HEADER_BYTES - 6, 'DosHeader');
  const at = dos.u32('e_lfanew');
  if (at >= DOS_HEADER_BYTES && at < bytes.length) return at;
  throw new ParseError('PE_HEADER_OFFSET', 'e_lfanew', DOS_HEADER_BYTES - 4, `${at}`);
}
