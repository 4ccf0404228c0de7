import { Reader } from '@touchstone/tpm';
import { readGuid } from './guid.ts';
import { hex, hexOf, type NodeText, restAsHex } from './node-text.ts';
import { utf16String } from './utf16.ts';

/** UEFI 2.10, 10.3.5 and 10.6.1.6. */
export const mediaNode = (subType: number, body: Reader): string | undefined =>
  NODES[subType]?.(body);

const NODES: Readonly<Record<number, NodeText>> = {
  1: hardDrive,
  2: (body) => {
    const entry = body.u32('BootEntry');
    return `CDROM(${hex(entry)},${range(body, 'PartitionStart', 'PartitionSize')})`;
  },
  3: (body) => `VenMedia(${readGuid(body, 'VendorGuid')}${restAsHex(body)})`,
  4: (body) => utf16String(body.bytes(body.remaining, 'PathName')),
  5: (body) => `Media(${readGuid(body, 'ProtocolGuid')})`,
  6: (body) => `FvFile(${readGuid(body, 'FvFileName')})`,
  7: (body) => `Fv(${readGuid(body, 'FvName')})`,
  8: (body) => {
    body.u32('Reserved');
    return `Offset(${range(body, 'StartingOffset', 'EndingOffset')})`;
  },
  9: (body) => {
    const bounds = range(body, 'StartingAddress', 'EndingAddress');
    const type = readGuid(body, 'DiskTypeGuid');
    return `RamDisk(${bounds},${body.u16('Instance')},${type})`;
  },
};

function range(body: Reader, first: string, second: string): string {
  const from = hex(body.u64(first));
  return `${from},${hex(body.u64(second))}`;
}

/** UEFI 2.10, 10.3.5.1. */
function hardDrive(body: Reader): string {
  const number = body.u32('PartitionNumber');
  const bounds = range(body, 'PartitionStart', 'PartitionSize');
  const signature = body.bytes(16, 'PartitionSignature');
  const format = body.u8('PartitionFormat');
  const type = body.u8('SignatureType');
  const words = new Reader(signature, 'little');
  if (format === 2 && type === 2) {
    return `HD(${number},GPT,${readGuid(words, 'PartitionSignature')},${bounds})`;
  }
  if (format === 1 && type === 1) {
    return `HD(${number},MBR,0x${words.u32('PartitionSignature').toString(16).padStart(8, '0')},${bounds})`;
  }
  return `HD(${number},${format},${type === 0 ? '0' : hexOf(signature)},${bounds})`;
}
