import { ParseError, Reader } from '@touchstone/tpm';
import { readGuid } from './guid.ts';

/** UEFI_PLATFORM_FIRMWARE_BLOB and BLOB2: TCG PC Client PFP, 10.2.4. Where a measured piece of firmware lay. */
export type FirmwareBlob = {
  /** Of BLOB2 alone. */
  readonly description?: string;
  readonly base: bigint;
  /** Bytes. */
  readonly length: bigint;
};

/** UEFI_HANDOFF_TABLE_POINTERS and POINTERS2: TCG PC Client PFP, 10.2.3. */
export type HandoffTables = {
  /** Of POINTERS2 alone. */
  readonly description?: string;
  /** What each is of, as a GUID, and where it lay. */
  readonly tables: readonly { readonly vendor: string; readonly address: bigint }[];
};

const MAX_TABLES = 1_024;

/** Throws ParseError TRUNCATED or TRAILING_BYTES, as all of these do. */
export function parseFirmwareBlob(bytes: Uint8Array): FirmwareBlob {
  const reader = new Reader(bytes, 'little');
  const blob = readBlob(reader);
  reader.end('UEFI_PLATFORM_FIRMWARE_BLOB');
  return blob;
}

export function parseFirmwareBlob2(bytes: Uint8Array): FirmwareBlob {
  const reader = new Reader(bytes, 'little');
  const blob = { description: readDescription(reader, 'BlobDescription'), ...readBlob(reader) };
  reader.end('UEFI_PLATFORM_FIRMWARE_BLOB2');
  return blob;
}

/** Throws HANDOFF_TABLES as well, for more than anyone has. */
export function parseHandoffTables(bytes: Uint8Array): HandoffTables {
  const reader = new Reader(bytes, 'little');
  const tables = readTables(reader);
  reader.end('UEFI_HANDOFF_TABLE_POINTERS');
  return { tables };
}

export function parseHandoffTables2(bytes: Uint8Array): HandoffTables {
  const reader = new Reader(bytes, 'little');
  const description = readDescription(reader, 'TableDescription');
  const tables = readTables(reader);
  reader.end('UEFI_HANDOFF_TABLE_POINTERS2');
  return { description, tables };
}

const readBlob = (reader: Reader): { base: bigint; length: bigint } => ({
  base: reader.u64('BlobBase'),
  length: reader.u64('BlobLength'),
});

/** Bytes of ASCII; firmware is of two minds about a NUL at the end. */
const readDescription = (reader: Reader, field: string): string =>
  Buffer.from(reader.bytes(reader.u8(`${field}Size`), field))
    .toString('latin1')
    .replace(/\0+$/u, '');

function readTables(reader: Reader): HandoffTables['tables'] {
  const { offset } = reader;
  const count = reader.u64('NumberOfTables');
  if (count > BigInt(MAX_TABLES)) {
    throw new ParseError('HANDOFF_TABLES', 'NumberOfTables', offset, `${count}`);
  }
  const tables: { vendor: string; address: bigint }[] = [];
  for (let index = 0; index < Number(count); index++) {
    const vendor = readGuid(reader, `TableEntry[${index}].VendorGuid`);
    tables.push({ vendor, address: reader.u64(`TableEntry[${index}].VendorTable`) });
  }
  return tables;
}
