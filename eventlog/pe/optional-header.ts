import { ParseError, type Reader } from '@touchstone/tpm';
import type { PeImage } from './pe-image.ts';

type OptionalHeader = Pick<
  PeImage,
  | 'format'
  | 'subsystem'
  | 'sizeOfHeaders'
  | 'checkSumOffset'
  | 'certificateEntryOffset'
  | 'certificateTable'
> & { readonly sizeOfHeadersOffset: number };

const FORMATS = { 0x010b: 'pe32', 0x020b: 'pe32+' } as const;
/** IMAGE_DIRECTORY_ENTRY_SECURITY. */
const CERTIFICATES = 4;
const MAX_DIRECTORIES = 16;

/** IMAGE_OPTIONAL_HEADER32 or IMAGE_OPTIONAL_HEADER64, to its end. */
export function readOptionalHeader(reader: Reader, fileLength: number): OptionalHeader {
  const start = reader.offset;
  const magic = reader.u16('OptionalHeader.Magic');
  if (magic !== 0x010b && magic !== 0x020b) {
    throw new ParseError('PE_MAGIC', 'OptionalHeader.Magic', start, `0x${magic.toString(16)}`);
  }
  const format = FORMATS[magic];
  // From MajorLinkerVersion to MinorSubsystemVersion and Win32VersionValue, SizeOfImage: alike in length,
  // for PE32 has a BaseOfData where PE32+ has the longer ImageBase.
  reader.bytes(58, 'OptionalHeader.SizeOfImage');
  const sizeOfHeadersOffset = reader.offset;
  const sizeOfHeaders = reader.u32('OptionalHeader.SizeOfHeaders');
  if (sizeOfHeaders > fileLength) {
    const field = 'OptionalHeader.SizeOfHeaders';
    throw new ParseError('PE_SIZE_OF_HEADERS', field, sizeOfHeadersOffset, `${sizeOfHeaders}`);
  }
  const checkSumOffset = reader.offset;
  reader.u32('OptionalHeader.CheckSum');
  const subsystem = reader.u16('OptionalHeader.Subsystem');
  reader.u16('OptionalHeader.DllCharacteristics');
  reader.bytes(format === 'pe32' ? 16 : 32, 'OptionalHeader.SizeOfHeapCommit');
  reader.u32('OptionalHeader.LoaderFlags');
  const countOffset = reader.offset;
  const count = reader.u32('OptionalHeader.NumberOfRvaAndSizes');
  if (count > MAX_DIRECTORIES) {
    const field = 'OptionalHeader.NumberOfRvaAndSizes';
    throw new ParseError('PE_DIRECTORY_COUNT', field, countOffset, `${count}`);
  }
  const layout = { format, subsystem, sizeOfHeaders, sizeOfHeadersOffset, checkSumOffset };
  if (count <= CERTIFICATES) {
    reader.bytes(8 * count, 'OptionalHeader.DataDirectory');
    reader.end('OptionalHeader');
    return { ...layout, certificateEntryOffset: undefined, certificateTable: undefined };
  }
  reader.bytes(8 * CERTIFICATES, 'OptionalHeader.DataDirectory');
  const certificateEntryOffset = reader.offset;
  const offset = reader.u32('CertificateTable.VirtualAddress');
  const length = reader.u32('CertificateTable.Size');
  reader.bytes(8 * (count - CERTIFICATES - 1), 'OptionalHeader.DataDirectory');
  reader.end('OptionalHeader');
  // Here VirtualAddress is an offset in the file. Firmware takes Size bytes off the file's end.
  if (length === 0) return { ...layout, certificateEntryOffset, certificateTable: undefined };
  if (offset < sizeOfHeaders || offset + length !== fileLength) {
    const detail = `${length} bytes at ${offset}`;
    throw new ParseError(
      'PE_CERTIFICATE_TABLE',
      'CertificateTable.Size',
      certificateEntryOffset,
      detail,
    );
  }
  return { ...layout, certificateEntryOffset, certificateTable: { offset, length } };
}
