import {
  encodeEventLog,
  EV_EVENT_TAG,
  nameOfMeaning,
  parseCelLog,
  parseDevicePath,
  parseEventLog,
  parseFirmwareBlob,
  parseFirmwareBlob2,
  parseGptData,
  parseHandoffTables,
  parseHandoffTables2,
  parseImageLoadEvent,
  parseLoadOption,
  parseSignature,
  parseSignatureLists,
  parseSipaEvents,
  parseVariableData,
  readMeaning,
  replayCelLog,
} from '@touchstone/eventlog';
import { ParseError, Writer } from '@touchstone/tpm';
import { seedsFrom } from '../seeds.ts';
import type { Target } from '../target.ts';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const utf16 = (text: string): Uint8Array => Buffer.from(text, 'utf16le');

const EV_IPL = 0x0d;
const EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001;
const EV_EFI_VARIABLE_BOOT = 0x80000002;
const EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003;
const EV_EFI_BOOT_SERVICES_DRIVER = 0x80000004;
const EV_EFI_GPT_EVENT = 0x80000006;
const EV_EFI_HANDOFF_TABLES = 0x80000009;

const END = Uint8Array.of(0x7f, 0xff, 4, 0);
const node = (type: number, subType: number, body: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(type, subType, (4 + body.length) & 0xff, 0), body]);
/** One node of each kind that has a text of its own, as long as its kind is, of ones and zeros. */
const EVERY_NODE = Buffer.concat([
  ...([1, 2, 3, 4, 5] as const).flatMap((type) =>
    Array.from({ length: 34 }, (_, subType) => node(type, subType, new Uint8Array(subType + 6))),
  ),
  node(4, 4, utf16('\\EFI\\BOOT\\BOOTX64.EFI\0')),
  END,
]);

const variable = (name: string, value: Uint8Array): Uint8Array =>
  new Writer('little')
    .bytes(new Uint8Array(16))
    .u64(BigInt(name.length))
    .u64(BigInt(value.length))
    .bytes(utf16(name))
    .bytes(value)
    .finish();

const SIGNATURES = new Writer('little')
  .bytes(Buffer.from('2616c4c14c509240aca941f936934328', 'hex'))
  .u32(76)
  .u32(0)
  .u32(48)
  .bytes(new Uint8Array(48).fill(7))
  .finish();

const SIPA = new Writer('little')
  .u32(0x40010001)
  .u32(28)
  .u32(0x40010002)
  .u32(20)
  .u32(0x00090001)
  .u32(12)
  .bytes(new Uint8Array(12))
  .finish();

const LOG = encodeEventLog({
  vendorInfo: new Uint8Array(),
  banks: ['sha256'],
  events: [
    { pcr: 7, type: EV_EFI_VARIABLE_DRIVER_CONFIG, data: variable('db', SIGNATURES) },
    { pcr: 8, type: EV_IPL, data: ascii('kernel_cmdline: /vmlinuz ro\0') },
    { pcr: 12, type: EV_IPL, data: utf16('root=/dev/sda1\0') },
    { pcr: 12, type: EV_EVENT_TAG, data: SIPA },
    {
      pcr: 9,
      type: EV_EVENT_TAG,
      data: Buffer.concat([ascii('\xec";\x8f\x02\0\0\0'), ascii('x\0')]),
    },
  ],
});

const CEL_JSON = ascii(
  ['enter-initrd', 'leave-initrd']
    .map(
      (string) =>
        `\u001e{"pcr":11,"digests":[{"hashAlg":"sha256","digest":"${'ab'.repeat(32)}"}],` +
        `"content_type":"systemd","content":{"string":"${string}","bootId":"${'0'.repeat(32)}",` +
        `"timestamp":4711,"eventType":"phase"}}\n`,
    )
    .join(''),
);

/** The data of the corpus' events of these types, or what is found in it. */
function dataOf(
  types: readonly number[],
  made: readonly Uint8Array[],
  part: (data: Uint8Array) => Uint8Array = (data) => data,
): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const bytes of seedsFrom(['eventlogs/*.bin', 'boots/*/binary_bios_measurements'], [])) {
    for (const { claimedType, data } of eventsOf(bytes)) {
      if (!types.includes(claimedType) || found.size >= MAX_SEEDS) continue;
      const seed = partOf(data, part);
      // One of each length is one of each shape.
      if (seed !== undefined && seed.length > 0) found.set(`${seed.length}`, Uint8Array.from(seed));
    }
  }
  return [...made, ...found.values()];
}

const MAX_SEEDS = 64;

const eventsOf = (bytes: Uint8Array) => unlessMalformed(() => parseEventLog(bytes).events) ?? [];
const partOf = (data: Uint8Array, part: (data: Uint8Array) => Uint8Array) =>
  unlessMalformed(() => part(data));

function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

const nothingBack = (read: (bytes: Uint8Array) => unknown) => (bytes: Uint8Array) => {
  read(bytes);
  return undefined;
};

const VARIABLES = [EV_EFI_VARIABLE_DRIVER_CONFIG, EV_EFI_VARIABLE_BOOT];
const IMAGES = [EV_EFI_BOOT_SERVICES_APPLICATION, EV_EFI_BOOT_SERVICES_DRIVER];
const valueOf = (data: Uint8Array): Uint8Array => parseVariableData(data).value;

/** What firmware, loaders and systemd write into events. */
export const MEANING_TARGETS: readonly Target[] = [
  {
    name: 'event-meaning',
    seeds: () => seedsFrom(['eventlogs/*.bin', 'boots/*/binary_bios_measurements'], [LOG]),
    read: (bytes) => {
      for (const event of parseEventLog(bytes).events) {
        const name = nameOfMeaning(readMeaning(event));
        if (/[\p{Cc}\u2028\u2029\u202a-\u202e]/u.test(name)) throw new Error('an unsafe name');
      }
      return undefined;
    },
  },
  {
    name: 'variable-data',
    seeds: () => dataOf(VARIABLES, [variable('SecureBoot', Uint8Array.of(1))]),
    read: nothingBack(parseVariableData),
  },
  {
    name: 'signature-lists',
    seeds: () => dataOf([EV_EFI_VARIABLE_DRIVER_CONFIG], [SIGNATURES], valueOf),
    read: (bytes) => {
      parseSignatureLists(bytes);
      parseSignature(bytes);
      return undefined;
    },
  },
  {
    name: 'device-path',
    seeds: () => dataOf(IMAGES, [EVERY_NODE], (data) => data.subarray(32)),
    read: nothingBack(parseDevicePath),
  },
  {
    name: 'load-option',
    seeds: () => dataOf([EV_EFI_VARIABLE_BOOT], [Buffer.concat([new Uint8Array(8), END])], valueOf),
    read: nothingBack(parseLoadOption),
  },
  {
    name: 'image-load-event',
    seeds: () => dataOf(IMAGES, [new Uint8Array(32)]),
    read: nothingBack(parseImageLoadEvent),
  },
  {
    name: 'gpt-data',
    seeds: () => dataOf([EV_EFI_GPT_EVENT], [ascii('EFI PART')]),
    read: nothingBack(parseGptData),
  },
  {
    name: 'firmware-blob',
    seeds: () =>
      dataOf([EV_EFI_HANDOFF_TABLES], [new Uint8Array(16), ascii('\x04blob'.padEnd(21))]),
    read: (bytes) => {
      const readers = [
        parseFirmwareBlob,
        parseFirmwareBlob2,
        parseHandoffTables,
        parseHandoffTables2,
      ];
      for (const parse of readers) unlessMalformed(() => parse(bytes));
      return undefined;
    },
  },
  {
    name: 'sipa-events',
    seeds: () => dataOf([EV_EVENT_TAG], [SIPA]),
    read: nothingBack(parseSipaEvents),
  },
  {
    name: 'cel-log',
    seeds: () => seedsFrom(['cel/*'], [CEL_JSON, ascii(`[${'[{"a":'.repeat(9)}1`)]),
    read: (bytes) => {
      const log = parseCelLog(bytes);
      for (const kind of ['pcr', 'nv', 'cc'] as const) replayCelLog(log, { of: kind });
      return undefined;
    },
  },
];
