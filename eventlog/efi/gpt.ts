import { ParseError, Reader } from '@touchstone/tpm';
import { readGuid } from './guid.ts';
import { utf16String } from './utf16.ts';

/** EFI_PARTITION_ENTRY: UEFI 2.10, 5.3.3. */
export type GptPartition = {
  /** GUIDs: of what it is for, and of itself. */
  readonly type: string;
  readonly id: string;
  readonly firstLba: bigint;
  readonly lastLba: bigint;
  readonly attributes: bigint;
  readonly name: string;
};

/** UEFI_GPT_DATA: TCG PC Client PFP, 10.2.5. */
export type GptData = {
  /** GUID. */
  readonly disk: string;
  readonly partitions: readonly GptPartition[];
};

const SIGNATURE = 'EFI PART';
const HEADER_SIZE = 92;
const SMALLEST_ENTRY = 128;
const LARGEST_ENTRY = 4096;
const MAX_PARTITIONS = 1_024;

/**
 * The table's header and the entries in use, as EV_EFI_GPT_EVENT has them. Throws ParseError GPT_SIGNATURE,
 * GPT_ENTRY_SIZE, GPT_ENTRIES, TRUNCATED or TRAILING_BYTES.
 */
export function parseGptData(bytes: Uint8Array): GptData {
  const reader = new Reader(bytes, 'little');
  const header = reader.window(HEADER_SIZE, 'UEFIPartitionHeader');
  const signature = Buffer.from(header.bytes(8, 'Signature')).toString('latin1');
  if (signature !== SIGNATURE) throw new ParseError('GPT_SIGNATURE', 'Signature', 0);
  // Revision, HeaderSize, HeaderCRC32, Reserved, MyLBA, AlternateLBA, FirstUsableLBA, LastUsableLBA.
  header.bytes(48, 'Revision');
  const disk = readGuid(header, 'DiskGUID');
  // PartitionEntryLBA, NumberOfPartitionEntries.
  header.bytes(12, 'PartitionEntryLBA');
  const entrySize = header.u32('SizeOfPartitionEntry');
  header.bytes(4, 'PartitionEntryArrayCRC32');
  header.end('UEFIPartitionHeader');
  if (entrySize < SMALLEST_ENTRY || entrySize > LARGEST_ENTRY) {
    throw new ParseError('GPT_ENTRY_SIZE', 'SizeOfPartitionEntry', 0, `${entrySize}`);
  }
  const { offset } = reader;
  const count = reader.u64('NumberOfPartitions');
  if (count > BigInt(MAX_PARTITIONS)) {
    throw new ParseError('GPT_ENTRIES', 'NumberOfPartitions', offset, `${count}`);
  }
  const partitions: GptPartition[] = [];
  for (let index = 0; index < Number(count); index++) {
    partitions.push(readPartition(reader.window(entrySize, `Partitions[${index}]`), index));
  }
  reader.end('UEFI_GPT_DATA');
  return { disk, partitions };
}

const NAME_SIZE = 72;

function readPartition(entry: Reader, index: number): GptPartition {
  const field = `Partitions[${index}]`;
  return {
    type: readGuid(entry, `${field}.PartitionTypeGUID`),
    id: readGuid(entry, `${field}.UniquePartitionGUID`),
    firstLba: entry.u64(`${field}.StartingLBA`),
    lastLba: entry.u64(`${field}.EndingLBA`),
    attributes: entry.u64(`${field}.Attributes`),
    name: utf16String(entry.bytes(NAME_SIZE, `${field}.PartitionName`)),
  };
}
