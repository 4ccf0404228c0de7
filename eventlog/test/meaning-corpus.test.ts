import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isStrongHash, ParseError } from '@touchstone/tpm';
import { parse as parseYaml } from 'yaml';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import {
  type CcEvent,
  type EventMeaning,
  type LogEvent,
  nameOfMeaning,
  parseCcEventLog,
  parseEventLog,
  parseSignatureLists,
  readMeaning,
} from '../index.ts';
import { hex } from './sample-log.ts';

const json = <T>(path: string): T => JSON.parse(readFileSync(corpusPath(path), 'utf8')) as T;

/** Of either kind of log; none for what is refused. */
function eventsOf(path: string): readonly (LogEvent | CcEvent)[] {
  const bytes = readFileSync(corpusPath(path));
  try {
    return parseEventLog(bytes).events;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return error.code === 'LOG_OF_CC_REGISTERS' ? parseCcEventLog(bytes).events : [];
  }
}

const bootOf = (name: string) => eventsOf(`boots/${name}/binary_bios_measurements`);
const logOf = (name: string) => eventsOf(`eventlogs/${name}.bin`);
const isStrong = ({ digests }: LogEvent | CcEvent): boolean =>
  digests.some(({ bank }) => isStrongHash(bank));

/** "basis: name" of each event, as a person reads it. */
const told = (events: readonly (LogEvent | CcEvent)[]): string[] =>
  events.map((event) => {
    const meaning = readMeaning(event);
    return `${meaning.basis}: ${nameOfMeaning(meaning)}`;
  });

const ofKind = <K extends EventMeaning['kind']>(
  events: readonly (LogEvent | CcEvent)[],
  kind: K,
): Extract<EventMeaning, { kind: K }>[] =>
  events
    .map(readMeaning)
    .filter((meaning): meaning is Extract<EventMeaning, { kind: K }> => meaning.kind === kind);

const APPLICATION = 'label: boot application';
const ID = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';

describeCorpus('what the events of measured boots mean', () => {
  it('a-sb-on is told from its firmware to its kernel', () => {
    assert.deepEqual(told(bootOf('a-sb-on')), [
      'data: firmware version: empty',
      'label: firmware at 0x820000, 917504 bytes',
      'label: firmware at 0x900000, 12582912 bytes',
      'data: SecureBoot is on',
      'data: PK: 1 certificate (Debian UEFI Secure Boot (PK/KEK key))',
      'data: KEK: 2 certificates (Debian UEFI Secure Boot (PK/KEK key), Microsoft Corporation KEK CA 2011)',
      'data: db: 2 certificates (Microsoft Windows Production PCA 2011, Microsoft Corporation UEFI CA 2011)',
      'data: dbx: 1 hash',
      'data: separator',
      'part: BootOrder 0001, 0000, 0002',
      'part: Boot0001 "UEFI Misc Device": PciRoot(0x0)/Pci(0x1,0x0)',
      'part: Boot0000 "UiApp": Fv(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)',
      'part: Boot0002 "EFI Internal Shell": Fv(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(7c04a583-9e3e-4f1c-ad65-e05268d0b4d1)',
      'data: Calling EFI Application from Boot Option',
      ...Array.from({ length: 7 }, () => 'data: separator'),
      'data: vouched for by Microsoft Corporation UEFI CA 2011 (db)',
      'data: partition table of disk 11111111-2222-3333-4444-555555555555: 1 partition',
      `${APPLICATION} \\EFI\\BOOT\\BOOTX64.EFI`,
      "label: shim's MokList",
      "label: shim's MokListX",
      'data: SBAT level 2025021800: shim,4, grub,5',
      "part: shim's MokListTrusted: 1",
      'data: vouched for by Debian Secure Boot CA (MokListRT)',
      `${APPLICATION} \\EFI\\BOOT\\grubx64.efi`,
      'part: loader command: [ -z (hd0,gpt1)/EFI/debian -o ! -e (hd0,gpt1)/EFI/debian ]',
      'part: loader command: [ -e (hd0,gpt1)/EFI/debian/x86_64-efi/grub.cfg ]',
      'part: loader command: [ -e (hd0,gpt1)/EFI/debian/grub.cfg ]',
      'part: loader command: source (hd0,gpt1)/EFI/debian/grub.cfg',
      'label: file (hd0,gpt1)/EFI/debian/grub.cfg',
      'part: loader command: set timeout=0',
      'part: loader command: set default=0',
      'part: loader command: menuentry debian { linux /vmlinuz console=ttyS0,115200 ima_policy=tcb initrd /initrd.img }',
      'part: loader command: setparams debian',
      'part: loader command: linux /vmlinuz console=ttyS0,115200 ima_policy=tcb',
      'label: file /vmlinuz',
      `${APPLICATION} from memory, 14186432 bytes`,
      `${APPLICATION} from memory, 14186432 bytes`,
      'part: kernel command line: /vmlinuz console=ttyS0,115200 ima_policy=tcb',
      'part: loader command: initrd /initrd.img',
      'label: file /initrd.img',
      'data: Exit Boot Services Invocation',
      'data: Exit Boot Services Returned with Success',
    ]);
  });

  it('a-sb-on has its shim off a partition of its disk', () => {
    const [shim, grub, kernel] = ofKind(bootOf('a-sb-on'), 'image');
    assert.deepEqual(
      [shim?.devicePath, shim?.file, shim?.partition],
      [
        `PciRoot(0x0)/Pci(0x1,0x0)/HD(1,GPT,${ID},0x800,0x2f000)/\\EFI\\BOOT\\BOOTX64.EFI`,
        '\\EFI\\BOOT\\BOOTX64.EFI',
        ID,
      ],
    );
    assert.deepEqual([grub?.devicePath, kernel?.devicePath], ['\\EFI\\BOOT\\grubx64.efi', '']);
    const [gpt] = ofKind(bootOf('a-sb-on'), 'gpt');
    assert.deepEqual(
      gpt?.partitions.map(({ id, name }) => [id, name]),
      [[ID, 'ESP']],
    );
  });

  const SAME = told(bootOf('a-sb-on'));
  for (const [boot, changed] of [
    ['a2-sb-on-again', []],
    ['k-tis', []],
    ['d-initrd', []],
    ['f-mok-enrolled', []],
    [
      'c-cmdline',
      [
        'part: loader command: menuentry debian { linux /vmlinuz console=ttyS0,115200 ima_policy=tcb module.sig_enforce=0 mitigations=off initrd /initrd.img }',
        'part: loader command: linux /vmlinuz console=ttyS0,115200 ima_policy=tcb module.sig_enforce=0 mitigations=off',
        'part: kernel command line: /vmlinuz console=ttyS0,115200 ima_policy=tcb module.sig_enforce=0 mitigations=off',
      ],
    ],
    ['h-optionrom', ['label: boot driver PciRoot(0x0)/Pci(0x5,0x0)/Offset(0x12600,0x3cfff)']],
  ] as const) {
    it(`${boot} differs from it in ${changed.length} of what is told`, () => {
      assert.deepEqual(
        told(bootOf(boot)).filter((line) => !SAME.includes(line)),
        changed,
      );
    });
  }

  it('b3-sb-off-linuxefi has Secure Boot off and no keys', () => {
    const lines = told(bootOf('b3-sb-off-linuxefi'));
    assert.deepEqual(lines.slice(3, 8), [
      'data: SecureBoot is off',
      'data: PK: empty',
      'data: KEK: empty',
      'data: db: empty',
      'data: dbx: empty',
    ]);
  });

  type Told = {
    readonly EventNum: number;
    readonly EventType: string;
    readonly Event?: unknown;
  };
  for (const boot of ['a-sb-on', 'b3-sb-off-linuxefi', 'f-mok-enrolled', 'h-optionrom']) {
    it(`${boot} has the variables, GUIDs, images and strings that tpm2-tools finds`, () => {
      const text = readFileSync(corpusPath(`boots/${boot}/eventlog.tpm2-tools.yaml`), 'utf8');
      const { events } = parseYaml(text) as { readonly events: readonly Told[] };
      const own = new Map(bootOf(boot).map((event) => [event.index, readMeaning(event)]));
      let compared = 0;
      for (const { EventNum, EventType, Event } of events) {
        const meaning = own.get(EventNum);
        const fields = (typeof Event === 'object' ? Event : {}) as Record<string, unknown>;
        if (meaning?.kind === 'variable' && EventType !== 'EV_EFI_VARIABLE_BOOT') {
          assert.deepEqual(
            [meaning.name, meaning.vendor, meaning.value.length],
            [fields['UnicodeName'], fields['VariableName'], fields['VariableDataLength']],
          );
          compared += 1;
        }
        if (meaning?.kind === 'image') {
          assert.equal(Number(meaning.imageLength), fields['ImageLengthInMemory']);
          assert.equal(meaning.devicePath === '', fields['LengthOfDevicePath'] === 0);
          compared += 1;
        }
        if (meaning?.kind === 'loader-command' || meaning?.kind === 'command-line') {
          // It escapes line ends.
          const [line = ''] = (meaning.text ?? '').split('\n');
          assert.ok(String(fields['String']).includes(line));
          compared += 1;
        }
        if (meaning?.kind === 'action') assert.equal(meaning.text, String(Event).trim());
      }
      assert.ok(compared > 15, `${compared}`);
    });
  }
});

/** Dell's: the digest is of something that is not in the log. */
const OTHER_VERSIONS = ['gce-gdc-host', 'immune-ev-IMN-DELL-WBCL-BootCtrs', 'immune-ev-r340'];
/** Skiboot's are labels throughout; this VM measures its partition table into PCR 2. */
const OWN_WAYS = ['ibmacs-tpm2bios', 'gce-ubuntu-2204-intel-tdx'];
/** Kinds that are about something that is not in the log. */
const ALWAYS_LABELS = [
  'image',
  'blob',
  'handoff-tables',
  'loader-file',
  'mok',
  'initrd',
  'note',
  'text',
  'unknown',
];

describeCorpus('what the events of real machines mean', () => {
  const logs = json<readonly { kind: string; path: string }[]>('manifest.json')
    .filter(({ kind }) => kind === 'eventlog')
    .map(({ path }) => path);
  assert.equal(logs.length, 105);

  for (const path of logs) {
    const name = basename(path, '.bin');
    it(`${name} is read without a throw, and all that it says is proved or of something else`, () => {
      for (const event of eventsOf(path)) {
        const meaning = readMeaning(event);
        assert.doesNotMatch(nameOfMeaning(meaning), /[\p{Cc}\p{Cf}]/u);
        const isAbout = ALWAYS_LABELS.includes(meaning.kind);
        const isOfLinux = meaning.kind === 'command-line' && meaning.source === 'linux';
        const isSection = meaning.kind === 'systemd' && meaning.what === 'section';
        const isOther = meaning.kind === 'version' && OTHER_VERSIONS.includes(name);
        const isLabel = !isStrong(event) || isOfLinux || isSection || isOther;
        if (isAbout && meaning.kind !== 'mok' && meaning.kind !== 'blob') {
          assert.equal(meaning.basis, 'label', `event ${event.index}`);
        } else if (!isAbout && !OWN_WAYS.includes(name)) {
          assert.equal(meaning.basis === 'label', isLabel, `event ${event.index} ${meaning.kind}`);
        }
      }
    });
  }

  it('leave 78 events of 6,800 without a meaning, but for those of no data', () => {
    const unknown = logs
      .flatMap(eventsOf)
      .filter((event) => event.data.length > 0 && readMeaning(event).kind === 'unknown');
    assert.equal(unknown.length, 78);
  });

  for (const [name, dbx] of [
    ['pyuefi-thinkpad', 'data: dbx: 83 hashes'],
    [
      'hpe-perf-uefi_log',
      'data: dbx: 3 certificates (Canonical Ltd. Secure Boot Signing, Virtual UEFI SubCA, Debian Secure Boot Signer), 595 hashes',
    ],
    ['kunpeng-bbm', 'data: dbx: empty'],
    ['secboot-sb_with_dbt_and_dbr', 'data: dbx: 1 hash'],
  ] as const) {
    it(`${name} has ${dbx}`, () => {
      assert.deepEqual(
        told(logOf(name)).filter((line) => line.includes(': dbx: ')),
        [dbx],
      );
    });
  }

  it('tpm2tools-event-sd-boot-fedora37 has the command line that systemd measured, twice', () => {
    const lines = ofKind(logOf('tpm2tools-event-sd-boot-fedora37'), 'command-line');
    assert.deepEqual(
      lines.map(({ basis, source }) => [basis, source]),
      [
        ['data', 'systemd-stub'],
        ['data', 'systemd-stub'],
      ],
    );
    assert.match(lines[0]?.text ?? '', /^ console=ttyS0 console=/u);
  });

  it('gce-arch-linux-workstation has one in PCR 8, with half a NUL', () => {
    const [line] = ofKind(logOf('gce-arch-linux-workstation'), 'command-line');
    assert.deepEqual([line?.basis, line?.text?.slice(-8)], ['part', 'l1tf=off']);
  });

  it('trustee-CCEL_data_grub_gke has the names of its sections proved, and their content not', () => {
    const sections = ofKind(logOf('trustee-CCEL_data_grub_gke'), 'systemd');
    assert.deepEqual(
      sections.slice(0, 2).map(({ basis, what, text }) => [basis, what, text]),
      [
        ['part', 'section-name', '.linux'],
        ['label', 'section', '.linux'],
      ],
    );
  });

  it('eve-empty_uri has the commands of an older GRUB, proved with their NUL', () => {
    const commands = ofKind(logOf('eve-empty_uri-message-last-good-log'), 'loader-command');
    assert.equal(commands.length, 169);
    assert.ok(commands.every((each) => each.basis === 'part' && each.part === 'text-and-nul'));
  });

  it("ibmtss-hp1 is Windows', passed over knowingly: 926 events in one aggregation", () => {
    const windows = ofKind(logOf('ibmtss-hp1'), 'windows');
    assert.deepEqual(
      windows.map(({ count }) => count),
      [0, 19, 32, 1, 296, 926, 4, 0],
    );
    assert.ok(windows.every(({ basis }) => basis === 'data'));
    assert.ok(windows.some(({ names }) => names.includes('ELAM aggregation')));
  });

  it("the firmware's modes are read from PCR 1", () => {
    const modes = told(logOf('immune-ev-r340')).filter((line) => line.includes('Mode is'));
    assert.deepEqual(modes, ['data: DeployedMode is on', 'data: AuditMode is off']);
  });
});

describeCorpus("Microsoft's revocations", () => {
  type Info = { readonly images: Readonly<Record<string, readonly unknown[]>> };
  const info = json<Info>('uefi/ms/PreSignedObjects_DBX_dbx_info_msft_latest.json');

  for (const [file, architecture] of [
    ['amd64', 'x64'],
    ['arm64', 'aarch64'],
    ['arm', 'arm'],
  ] as const) {
    it(`has for ${file} as many hashes as its description lists`, () => {
      const path = `uefi/ms/PostSignedObjects_DBX_${file}_DBXUpdate.bin`;
      const update = readFileSync(corpusPath(path));
      // EFI_VARIABLE_AUTHENTICATION_2: a time, and a certificate that says how long it is.
      const lists = parseSignatureLists(update.subarray(16 + update.readUInt32LE(16)));
      const hashes = lists.flatMap(({ signatures }) => signatures.map(({ data }) => hex(data)));
      assert.deepEqual(new Set(lists.map(({ kind }) => kind)), new Set(['sha256']));
      assert.equal(hashes.length, info.images[architecture]?.length);
      const listed = JSON.stringify(info.images[architecture]).toLowerCase();
      assert.ok(hashes.every((each) => listed.includes(each)));
    });
  }
});
