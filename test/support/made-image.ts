import { Writer } from '@touchstone/tpm';

export type MadeSection = {
  readonly name: string;
  readonly data: Uint8Array;
  /** As long as `data` unless stated. */
  readonly virtualSize?: number;
};

export type MadeImage = {
  readonly format?: 'pe32' | 'pe32+';
  readonly subsystem?: number;
  /** In the section table's order, which is that of the file as well unless `reversed`. */
  readonly sections: readonly MadeSection[];
  readonly reversed?: true;
  /** After the last section. */
  readonly trailing?: Uint8Array;
  /** Data directories; the fifth is the certificate table's. */
  readonly directories?: number;
  /** Put at the end, with an entry in the directory. */
  readonly certificates?: Uint8Array;
  /** Begins the file, at most 64 bytes; a Linux kernel has a magic of its own further on. */
  readonly linuxHeader?: true;
};

const SIZE_OF_HEADERS = 0x400;
/** Where the PE header is: after the place of the Linux boot protocol's magic. */
const PE_OFFSET = 0x220;

/** A UEFI image of these sections, as small as one can be and still load. */
export function madeImage(made: MadeImage): Uint8Array<ArrayBuffer> {
  const { sections, format = 'pe32+', directories = 16, trailing = new Uint8Array() } = made;
  const long = format === 'pe32+';
  const inFile = made.reversed ? sections.toReversed() : sections;
  const offsets = new Map<MadeSection, number>();
  let at = SIZE_OF_HEADERS;
  for (const section of inFile) {
    offsets.set(section, at);
    at += section.data.length;
  }
  const certificatesAt = at + trailing.length;
  const certificates = made.certificates ?? new Uint8Array();
  const head = new Writer('little').u16(0x5a4d).bytes(new Uint8Array(58)).u32(PE_OFFSET);
  head.bytes(new Uint8Array(0x202 - 64));
  head.bytes(made.linuxHeader ? Buffer.from('HdrS') : new Uint8Array(4));
  head.bytes(new Uint8Array(PE_OFFSET - 0x206));
  head.u32(0x4550).u16(0x8664).u16(sections.length).bytes(new Uint8Array(12));
  head.u16((long ? 112 : 96) + 8 * directories).u16(0x22);
  head.u16(long ? 0x20b : 0x10b).bytes(new Uint8Array(58));
  head
    .u32(SIZE_OF_HEADERS)
    .u32(0xc0ffee)
    .u16(made.subsystem ?? 10)
    .u16(0);
  head
    .bytes(new Uint8Array(long ? 32 : 16))
    .u32(0)
    .u32(directories);
  for (let index = 0; index < directories; index++) {
    const isSigned = index === 4 && certificates.length > 0;
    head.u32(isSigned ? certificatesAt : 0).u32(isSigned ? certificates.length : 0);
  }
  for (const section of sections) {
    head.bytes(Buffer.from(section.name.padEnd(8, '\0'), 'latin1'));
    head.u32(section.virtualSize ?? section.data.length).u32(0x1000);
    head
      .u32(section.data.length)
      .u32(offsets.get(section) ?? 0)
      .bytes(new Uint8Array(16));
  }
  const headers = new Uint8Array(SIZE_OF_HEADERS);
  headers.set(head.finish());
  const parts = [headers, ...inFile.map(({ data }) => data), trailing, certificates];
  return Uint8Array.from(Buffer.concat(parts));
}
