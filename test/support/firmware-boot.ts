import { encodeEventLog, EVENT_TYPE_NAMES, type NewEvent } from '@touchstone/eventlog';
import { type BankName, hash, Writer } from '@touchstone/tpm';

const TYPES = new Map([...EVENT_TYPE_NAMES].map(([value, name]) => [name, value]));
const GLOBAL = Buffer.from('61dfe48bca93d211aa0d00e098032b8c', 'hex');
const SECURITY = Buffer.from('cbb219d73a3d9645a3bcdad00e67656f', 'hex');
const SHIM = Buffer.from('50ab5d6046e00043abb63dd810dd8b23', 'hex');
const BANKS: readonly BankName[] = ['sha256', 'sha384'];

const utf16 = (text: string): Uint8Array => Buffer.from(text, 'utf16le');
export const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const typeOf = (name: string): number => {
  const type = TYPES.get(name);
  if (type === undefined) throw new RangeError(name);
  return type;
};

/** An event whose digests are of its data or, where it is given, of something else. */
export function event(pcr: number, type: string, data: Uint8Array, of?: Uint8Array): NewEvent {
  const digests = BANKS.map((bank) => ({ bank, digest: hash(bank, of ?? data) }));
  return { pcr, type: typeOf(type), data, digests };
}

export const separator = (pcr: number, value = '00000000'): NewEvent =>
  event(pcr, 'EV_SEPARATOR', Buffer.from(value, 'hex'));

export const action = (pcr: number, text: string): NewEvent =>
  event(pcr, 'EV_EFI_ACTION', ascii(text));

/** UEFI_VARIABLE_DATA: TCG PC Client PFP, 10.4.2.6. */
export function variableData(name: string, value: Uint8Array, vendor = vendorOf(name)): Uint8Array {
  return new Writer('little')
    .bytes(vendor)
    .u64(BigInt(name.length))
    .u64(BigInt(value.length))
    .bytes(utf16(name))
    .bytes(value)
    .finish();
}

const vendorOf = (name: string): Uint8Array => {
  if (name === 'db' || name === 'dbx') return SECURITY;
  return name.startsWith('Sbat') || name.startsWith('Mok') ? SHIM : GLOBAL;
};

export const config = (name: string, value: Uint8Array): NewEvent =>
  event(7, 'EV_EFI_VARIABLE_DRIVER_CONFIG', variableData(name, value));

export const authority = (name: string, value: Uint8Array): NewEvent =>
  event(7, 'EV_EFI_VARIABLE_AUTHORITY', variableData(name, value));

/** As firmware has it: the digest is of the value. */
export const bootVariable = (name: string, value: Uint8Array): NewEvent =>
  event(1, 'EV_EFI_VARIABLE_BOOT', variableData(name, value), value);

const SHA256_TYPE = Buffer.from('2616c4c14c509240aca941f936934328', 'hex');
const X509_TYPE = Buffer.from('a159c0a5e494a74a87b5ab155c2bf072', 'hex');
const OWNER = Buffer.alloc(16, 0x77);

/** EFI_SIGNATURE_LIST of one type: UEFI 2.10, 32.4.1. */
function signatureList(type: Uint8Array, signatures: readonly Uint8Array[]): Uint8Array {
  const size = (signatures[0]?.length ?? 0) + OWNER.length;
  const writer = new Writer('little')
    .bytes(type)
    .u32(28 + size * signatures.length)
    .u32(0)
    .u32(size);
  for (const one of signatures) writer.bytes(OWNER).bytes(one);
  return writer.finish();
}

const digestList = (digests: readonly Uint8Array[]): Uint8Array =>
  signatureList(SHA256_TYPE, digests);
const certificateList = (der: Uint8Array): Uint8Array => signatureList(X509_TYPE, [der]);

/** A file's device path: UEFI 2.10, 10.3.5.4. */
const devicePath = (file: string): Uint8Array => {
  const name = utf16(`${file}\0`);
  const node = new Writer('little')
    .bytes(Uint8Array.of(4, 4))
    .u16(4 + name.length)
    .bytes(name);
  return Buffer.concat([node.finish(), Uint8Array.of(0x7f, 0xff, 4, 0)]);
};

/** EFI_IMAGE_LOAD_EVENT: TCG PC Client PFP, 10.4.2.3. The digest is the program's. */
export function image(pcr: number, type: string, file: string, program: string): NewEvent {
  const path = devicePath(file);
  const data = new Writer('little')
    .u64(0x1000n)
    .u64(0x2000n)
    .u64(0n)
    .u64(BigInt(path.length))
    .bytes(path)
    .finish();
  return event(pcr, type, data, ascii(program));
}

export const application = (file: string, program: string): NewEvent =>
  image(4, 'EV_EFI_BOOT_SERVICES_APPLICATION', file, program);

/** What GRUB measures of a string: the string behind its prefix, without the NUL. */
export const grub = (prefix: string, text: string): NewEvent =>
  event(8, 'EV_IPL', ascii(`${prefix}: ${text}\0`), ascii(text));

export const COMMAND_LINE = '/vmlinuz root=/dev/vda1 ro console=ttyS0';
const ON = Uint8Array.of(1);
export const PK = certificateList(ascii('the platform key'));
const DB = certificateList(ascii('the maker of shim'));
export const REVOKED = 'a program that was revoked';
export const DBX = digestList([hash('sha256', ascii(REVOKED)), hash('sha256', ascii('another'))]);

/** A boot of a UEFI machine with Secure Boot on, shim, GRUB and a kernel, in parts that a test can change. */
export const PARTS = {
  crtm: [event(0, 'EV_S_CRTM_VERSION', utf16('1.0\0'))],
  blobs: [
    event(0, 'EV_EFI_PLATFORM_FIRMWARE_BLOB', Buffer.alloc(16, 1), ascii('firmware volume')),
    event(0, 'EV_POST_CODE', ascii('ACPI DATA')),
  ],
  secureBoot: [
    config('SecureBoot', ON),
    config('PK', PK),
    config('KEK', PK),
    config('db', DB),
    config('dbx', DBX),
  ],
  separator7: [separator(7)],
  drivers: [image(2, 'EV_EFI_BOOT_SERVICES_DRIVER', '\\rom.efi', 'option ROM')],
  bootVariables: [bootVariable('BootOrder', Uint8Array.of(0, 0)), bootVariable('Boot0000', PK)],
  calling: [action(4, 'Calling EFI Application from Boot Option')],
  separators: [0, 1, 2, 3, 4, 5, 6].map((pcr) => separator(pcr)),
  authority: [authority('db', ascii('the maker of shim'))],
  gpt: [event(5, 'EV_EFI_GPT_EVENT', Buffer.alloc(92 + 8))],
  shim: [application('\\EFI\\BOOT\\BOOTX64.EFI', 'shim')],
  mok: [event(14, 'EV_IPL', ascii('MokList\0'), ascii('its bytes'))],
  sbat: [authority('SbatLevel', ascii('sbat,1,2025021800\nshim,4\ngrub,5\n'))],
  grub: [application('\\EFI\\debian\\grubx64.efi', 'grub')],
  commands: [grub('grub_cmd', 'set timeout=0')],
  kernelFile: [event(9, 'EV_IPL', ascii('/vmlinuz\0'), ascii('kernel file'))],
  kernel: [application('', 'kernel')],
  commandLine: [grub('kernel_cmdline', COMMAND_LINE)],
  initrd: [event(9, 'EV_IPL', ascii('/initrd.img\0'), ascii('initrd'))],
  exit: [
    action(5, 'Exit Boot Services Invocation'),
    action(5, 'Exit Boot Services Returned with Success'),
  ],
} satisfies Record<string, readonly NewEvent[]>;

export type BootParts = { readonly [Part in keyof typeof PARTS]: readonly NewEvent[] };

/** The boot with parts replaced; a part that is replaced with nothing is left out. */
export const bootOf = (changed: Partial<BootParts> = {}): NewEvent[] =>
  Object.values({ ...PARTS, ...changed } as BootParts).flat();

export const firmwareLog = (events: readonly NewEvent[] = bootOf()): Uint8Array =>
  encodeEventLog({ vendorInfo: new Uint8Array(), banks: BANKS, events });
