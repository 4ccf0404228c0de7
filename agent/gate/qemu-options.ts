import type { Pair } from './option-pairs.ts';

/** What a file is to the VM: what it boots from, what it runs on, or code that QEMU loads. */
export type FileRole = 'program' | 'firmware' | 'kernel' | 'disk' | 'memory' | 'code' | 'argument';

/**
 * What the value of one of QEMU's options can name that the VM boots from or runs on.
 *
 * - flag: takes no value;
 * - plain: a value that names no such thing; the words themselves are in the digest;
 * - file: the value is a path;
 * - pairs: `files` gives the keys whose values are paths, `uncovered` says why the rest cannot be covered;
 * - uncovered: leads to something that no digest of a file covers.
 */
export type QemuOption =
  | { readonly kind: 'flag' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'file'; readonly role: FileRole }
  | {
      readonly kind: 'pairs';
      readonly impliedKey: string;
      readonly files: (key: string, pairs: readonly Pair[]) => FileRole | undefined;
      readonly uncovered?: (pairs: readonly Pair[]) => string | undefined;
    }
  | { readonly kind: 'uncovered'; readonly why: string };

/** Formats and protocols whose whole content is the file that is named. */
const BLOCK_DRIVERS = new Set([
  'copy-on-read',
  'file',
  'luks',
  'null-aio',
  'null-co',
  'preallocate',
  'qcow2',
  'raw',
  'throttle',
]);

/** Objects whose files are secrets, sources of entropy, devices of input or what QEMU writes. */
const OBJECTS_WITHOUT_IMAGES =
  /^(?:secret|secret_keyring|tls-.*|authz-.*|rng-.*|input-linux|filter-dump)$/u;

/** Disks and directories that another process, or the kernel, serves. */
const SERVED_ELSEWHERE = /^vhost-(?:user-(?:blk|fs|scsi)|scsi|vdpa)/u;

const valueOf = (pairs: readonly Pair[], key: string): string | undefined =>
  pairs.findLast((pair) => pair.key === key)?.value;

/** Keys at any depth: `filename`, `file.filename`, `backing.file.filename`. */
const lastPart = (key: string): string => key.slice(key.lastIndexOf('.') + 1);

const foreignDriver = (pairs: readonly Pair[]): string | undefined =>
  pairs
    .filter(({ key, value }) => /^(?:driver|format)$/u.test(lastPart(key)) && value !== '')
    .filter(({ value }) => !BLOCK_DRIVERS.has(value))
    .map(({ value }) => `block driver ${value}`)[0];

const pairs = (
  impliedKey: string,
  files: (key: string, pairs: readonly Pair[]) => FileRole | undefined,
  uncovered?: (pairs: readonly Pair[]) => string | undefined,
): QemuOption => ({
  kind: 'pairs',
  impliedKey,
  files,
  ...(uncovered === undefined ? {} : { uncovered }),
});

const keys =
  (role: FileRole, ...names: readonly string[]) =>
  (key: string): FileRole | undefined =>
    names.includes(key) ? role : undefined;

const network = pairs(
  'type',
  () => undefined,
  (given) => (valueOf(given, 'tftp') === undefined ? undefined : 'a boot server’s directory'),
);

const MACHINE_FILES: Readonly<Record<string, FileRole>> = {
  kernel: 'kernel',
  initrd: 'kernel',
  shim: 'kernel',
  dtb: 'firmware',
  firmware: 'firmware',
};
const machine = pairs('type', (key) => MACHINE_FILES[key]);

const DEVICE_FILES: Readonly<Record<string, FileRole>> = {
  romfile: 'firmware',
  file: 'firmware',
  kernel: 'kernel',
  initrd: 'kernel',
};

const SPECIAL: Readonly<Record<string, QemuOption>> = {
  // `file` is a path here, and the name of a node in -blockdev.
  drive: pairs(
    'file',
    (key) => (/^(?:file|filename)$/u.test(lastPart(key)) ? 'disk' : undefined),
    foreignDriver,
  ),
  blockdev: pairs(
    'driver',
    (key) => (lastPart(key) === 'filename' ? 'disk' : undefined),
    foreignDriver,
  ),
  device: pairs(
    'driver',
    (key) => DEVICE_FILES[key],
    (given) => {
      const driver = valueOf(given, 'driver') ?? '';
      return SERVED_ELSEWHERE.test(driver) ? `device ${driver}` : undefined;
    },
  ),
  object: pairs('qom-type', (key, given) => {
    if (key === 'mem-path') return 'memory';
    if (!/^(?:file|filename)$/u.test(key)) return undefined;
    return OBJECTS_WITHOUT_IMAGES.test(valueOf(given, 'qom-type') ?? '') ? undefined : 'firmware';
  }),
  machine,
  M: machine,
  acpitable: pairs('file', keys('firmware', 'file', 'data')),
  fw_cfg: pairs('name', keys('firmware', 'file')),
  'option-rom': pairs('romfile', keys('firmware', 'romfile')),
  plugin: pairs('file', keys('code', 'file')),
  smbios: pairs('type', keys('firmware', 'file', 'path')),
  global: pairs(
    'driver',
    () => undefined,
    (given) =>
      given.some(({ key }) => Object.hasOwn(DEVICE_FILES, lastPart(key))) ||
      Object.hasOwn(DEVICE_FILES, valueOf(given, 'property') ?? '')
        ? 'a file of a device, set from afar'
        : undefined,
  ),
  icount: pairs(
    'shift',
    () => undefined,
    (given) => (valueOf(given, 'rr') === undefined ? undefined : 'a recorded execution'),
  ),
  net: network,
  netdev: network,
  nic: network,
  usbdevice: pairs(
    'name',
    () => undefined,
    (given) => (valueOf(given, 'name')?.startsWith('disk:') ? 'a disk' : undefined),
  ),
  L: { kind: 'uncovered', why: 'a directory of firmware; name the files instead' },
  fsdev: { kind: 'uncovered', why: 'a directory' },
  incoming: { kind: 'uncovered', why: 'the memory of another VM' },
  iscsi: { kind: 'uncovered', why: 'a disk on the network' },
  preconfig: { kind: 'uncovered', why: 'a machine that is configured later' },
  readconfig: { kind: 'uncovered', why: 'options in a file; write them out' },
  set: { kind: 'uncovered', why: 'an option that changes another; write it there' },
  virtfs: { kind: 'uncovered', why: 'a directory' },
};

const FILES: Readonly<Record<string, readonly string[]>> = {
  kernel: ['kernel', 'shim', 'initrd'],
  firmware: ['bios', 'dtb', 'pflash'],
  disk: ['cdrom', 'fda', 'fdb', 'hda', 'hdb', 'hdc', 'hdd', 'mtdblock', 'sd'],
  memory: ['mem-path'],
};

const FLAGS =
  'S async-teardown audio-help daemonize enable-kvm enable-sync-profile full-screen h help ' +
  'mem-prealloc no-acpi no-fd-bootchk no-hpet no-reboot no-shutdown no-user-config nodefaults ' +
  'nographic old-param only-migratable portrait s semihosting singlestep snapshot usb version ' +
  'win2k-hack';

const PLAIN =
  'D accel action add-fd append audio audiodev boot chardev chroot compat cpu d debugcon dfilter ' +
  'display dump-vmstate echr g gdb k loadvm m mon monitor msg name numa overcommit parallel pidfile ' +
  'prom-env qmp qmp-pretty rotate rtc run-with runas sandbox seed semihosting-config serial smp spice ' +
  'tb-size tpmdev trace uuid vga vnc watchdog watchdog-action';

/** By name without dashes. An option that is not here is not known, and what it names neither. */
export const QEMU_OPTIONS: ReadonlyMap<string, QemuOption> = new Map([
  ...Object.entries(SPECIAL),
  ...Object.entries(FILES).flatMap(([role, names]) =>
    names.map((name): [string, QemuOption] => [name, { kind: 'file', role: role as FileRole }]),
  ),
  ...FLAGS.split(' ').map((name): [string, QemuOption] => [name, { kind: 'flag' }]),
  ...PLAIN.split(' ').map((name): [string, QemuOption] => [name, { kind: 'plain' }]),
]);
