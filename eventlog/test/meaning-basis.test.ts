import assert from 'node:assert/strict';
import { type BankName, hash } from '@touchstone/tpm';
import {
  encodeSoftwareEvent,
  type EventMeaning,
  type LogEvent,
  nameOfMeaning,
  parseCcEventLog,
  readMeaning,
} from '../index.ts';
import { gptData, little, SECURITY_DATABASE, SHIM, utf16, variableData } from './made-efi.ts';
import { agileLog, ascii, ccLogOf, logOf } from './sample-log.ts';

const EV_POST_CODE = 0x01;
const EV_NO_ACTION = 0x03;
const EV_SEPARATOR = 0x04;
const EV_ACTION = 0x05;
const EV_EVENT_TAG = 0x06;
const EV_S_CRTM_VERSION = 0x08;
const EV_PLATFORM_CONFIG_FLAGS = 0x0a;
const EV_COMPACT_HASH = 0x0c;
const EV_IPL = 0x0d;
const EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001;
const EV_EFI_VARIABLE_BOOT = 0x80000002;
const EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003;
const EV_EFI_GPT_EVENT = 0x80000006;
const EV_EFI_VARIABLE_AUTHORITY = 0x800000e0;
const EV_EFI_SPDM_FIRMWARE_BLOB = 0x800000e1;
const EV_EFI_SPDM_DEVICE_POLICY = 0x800000e3;

const BANKS: readonly BankName[] = ['sha1', 'sha256', 'sha384'];
const ONE = Uint8Array.of(1);
const tag = (id: number, data: Uint8Array): Uint8Array =>
  little().u32(id).u32(data.length).bytes(data).finish();

type Given = { readonly pcr: number; readonly type: number; readonly data: Uint8Array };

/** An event of a log in these banks, whose digests are of `measured`. */
function eventOf(
  { pcr, type, data }: Given,
  measured: Uint8Array,
  banks: readonly BankName[] = BANKS,
): LogEvent {
  const digests = banks.map((bank) => ({ bank, digest: hash(bank, measured) }));
  const [event] = agileLog(logOf([{ pcr, type, data, digests }], banks)).events;
  assert.ok(event);
  return event;
}

const meaningOf = (given: Given, measured: Uint8Array, banks?: readonly BankName[]): EventMeaning =>
  readMeaning(eventOf(given, measured, banks));

const secureBoot = variableData('SecureBoot', ONE);
const boot0001 = variableData('Boot0001', ascii('value'));
const sbat = variableData('SbatLevel', ascii('sbat,1,2025021800\nshim,4\n'), SHIM);
const command = ascii('grub_cmd: set x=1\0');
const oldCommand = ascii('grub_cmd set x=1\0');
const commandLine = ascii('kernel_cmdline: /vmlinuz ro\0');
const stubLine = utf16('root=/dev/sda1 ro\0');
const software = encodeSoftwareEvent({ kind: 'command-line', text: 'ro' });

type Row = {
  readonly who: string;
  readonly given: Given;
  /** What the digests are of. */
  readonly measured: Uint8Array;
  readonly means: Readonly<Record<string, unknown>>;
};

/** What each measures and logs, and how much of it is proved thereby. */
const TABLE: readonly Row[] = [
  {
    who: 'firmware, of a configuration variable',
    given: { pcr: 7, type: EV_EFI_VARIABLE_DRIVER_CONFIG, data: secureBoot },
    measured: secureBoot,
    means: { basis: 'data', kind: 'variable', role: 'config', name: 'SecureBoot', value: ONE },
  },
  {
    who: 'EDK II, of a boot variable',
    given: { pcr: 1, type: EV_EFI_VARIABLE_BOOT, data: boot0001 },
    measured: ascii('value'),
    means: { basis: 'part', part: 'value', kind: 'variable', role: 'boot', name: 'Boot0001' },
  },
  {
    who: 'firmware that measures a boot variable whole',
    given: { pcr: 1, type: EV_EFI_VARIABLE_BOOT, data: boot0001 },
    measured: boot0001,
    means: { basis: 'data', kind: 'variable', role: 'boot' },
  },
  {
    who: 'shim 15, of an authority',
    given: {
      pcr: 7,
      type: EV_EFI_VARIABLE_AUTHORITY,
      data: Buffer.concat([variableData('Shim', ascii('cert'), SHIM), new Uint8Array(6)]),
    },
    measured: Buffer.concat([variableData('Shim', ascii('cert'), SHIM), new Uint8Array(5)]),
    means: { basis: 'part', part: 'structure', kind: 'variable', name: 'Shim', vendor: SHIM },
  },
  {
    who: 'shim, of its revocations',
    given: { pcr: 7, type: EV_EFI_VARIABLE_AUTHORITY, data: sbat },
    measured: sbat,
    means: { basis: 'data', kind: 'sbat', level: '2025021800' },
  },
  {
    who: 'shim, of a flag',
    given: { pcr: 14, type: EV_IPL, data: ascii('MokListTrusted\0') },
    measured: ONE,
    means: {
      basis: 'part',
      part: 'guessed-value',
      kind: 'mok',
      name: 'MokListTrusted',
      value: ONE,
    },
  },
  {
    who: 'shim, of a list',
    given: { pcr: 14, type: EV_IPL, data: ascii('MokList\0') },
    measured: ascii('a list'),
    means: { basis: 'label', kind: 'mok', name: 'MokList' },
  },
  {
    who: 'GRUB, of a command',
    given: { pcr: 8, type: EV_IPL, data: command },
    measured: ascii('set x=1'),
    means: { basis: 'part', part: 'text', kind: 'loader-command', text: 'set x=1' },
  },
  {
    who: 'GRUB before 2.04, of a command',
    given: { pcr: 8, type: EV_IPL, data: oldCommand },
    measured: ascii('set x=1\0'),
    means: { basis: 'part', part: 'text-and-nul', kind: 'loader-command', text: 'set x=1' },
  },
  {
    who: 'GRUB, of what it hands a kernel',
    given: { pcr: 8, type: EV_IPL, data: commandLine },
    measured: ascii('/vmlinuz ro'),
    means: {
      basis: 'part',
      part: 'text',
      kind: 'command-line',
      source: 'grub',
      text: '/vmlinuz ro',
    },
  },
  {
    who: 'GRUB, of what it hands a module',
    given: { pcr: 8, type: EV_IPL, data: ascii('module_cmdline: /xen\0') },
    measured: ascii('/xen'),
    means: { basis: 'part', part: 'text', kind: 'loader-command', text: '/xen', module: true },
  },
  {
    who: 'GRUB, of a file',
    given: { pcr: 9, type: EV_IPL, data: ascii('(hd0,gpt1)/vmlinuz\0') },
    measured: ascii('its bytes'),
    means: { basis: 'label', kind: 'loader-file', path: '(hd0,gpt1)/vmlinuz' },
  },
  {
    who: 'systemd-stub, of a command line',
    given: { pcr: 12, type: EV_IPL, data: stubLine },
    measured: stubLine,
    means: {
      basis: 'data',
      kind: 'command-line',
      source: 'systemd-stub',
      text: 'root=/dev/sda1 ro',
    },
  },
  {
    who: 'systemd-stub, of a command line without its NUL',
    given: { pcr: 12, type: EV_IPL, data: stubLine },
    measured: utf16('root=/dev/sda1 ro'),
    means: { basis: 'part', part: 'utf16', kind: 'command-line' },
  },
  {
    who: 'systemd-boot, of a command line whose NUL it logged half of',
    given: { pcr: 8, type: EV_IPL, data: stubLine.subarray(0, -1) },
    measured: stubLine,
    means: { basis: 'part', part: 'utf16', kind: 'command-line', text: 'root=/dev/sda1 ro' },
  },
  {
    who: "systemd-stub, of a section's name",
    given: { pcr: 11, type: EV_IPL, data: utf16('.linux\0') },
    measured: ascii('.linux\0'),
    means: {
      basis: 'part',
      part: 'text-and-nul',
      kind: 'systemd',
      what: 'section-name',
      text: '.linux',
    },
  },
  {
    who: 'systemd-stub, of a section',
    given: { pcr: 11, type: EV_IPL, data: utf16('.linux\0') },
    measured: ascii('a kernel'),
    means: { basis: 'label', kind: 'systemd', what: 'section', text: '.linux' },
  },
  {
    who: 'systemd-stub, of credentials',
    given: { pcr: 12, type: EV_IPL, data: utf16('Credentials initrd\0') },
    measured: ascii('an archive'),
    means: { basis: 'label', kind: 'systemd', what: 'credentials', text: 'Credentials initrd' },
  },
  {
    who: 'systemd-boot, of its configuration',
    given: { pcr: 5, type: EV_EVENT_TAG, data: tag(0xf5bc582a, utf16('loader.conf\0')) },
    measured: ascii('timeout 3'),
    means: { basis: 'label', kind: 'systemd', what: 'loader-conf', text: 'loader.conf' },
  },
  {
    who: "Linux' EFI stub, of its command line",
    given: {
      pcr: 9,
      type: EV_EVENT_TAG,
      data: tag(0x8f3b22ed, ascii('LOADED_IMAGE::LoadOptions\0')),
    },
    measured: utf16('ro'),
    means: { basis: 'label', kind: 'command-line', source: 'linux' },
  },
  {
    who: "Linux' EFI stub, of an initrd",
    given: { pcr: 9, type: EV_EVENT_TAG, data: tag(0x8f3b22ec, ascii('Linux initrd\0')) },
    measured: ascii('an archive'),
    means: { basis: 'label', kind: 'initrd', description: 'Linux initrd' },
  },
  {
    who: 'the agent, into a software TPM',
    given: { pcr: 8, type: EV_EVENT_TAG, data: software },
    measured: software,
    means: { basis: 'data', kind: 'software', event: { kind: 'command-line', text: 'ro' } },
  },
  {
    who: 'Windows, of how it was started',
    given: { pcr: 12, type: EV_EVENT_TAG, data: tag(0x40010001, tag(0x00050002, ONE)) },
    measured: tag(0x40010001, tag(0x00050002, ONE)),
    means: {
      basis: 'data',
      kind: 'windows',
      count: 2,
      names: ['trust boundary', 'code integrity'],
    },
  },
  {
    who: 'firmware, of a partition table',
    given: { pcr: 5, type: EV_EFI_GPT_EVENT, data: gptData(['ESP']) },
    measured: gptData(['ESP']),
    means: { basis: 'data', kind: 'gpt', disk: '11111111-2222-3333-4444-555555555555' },
  },
  {
    who: 'firmware, of its version',
    given: { pcr: 0, type: EV_S_CRTM_VERSION, data: utf16('1.2\0') },
    measured: utf16('1.2\0'),
    means: { basis: 'data', kind: 'version', text: '1.2' },
  },
  {
    who: 'firmware, of a separator',
    given: { pcr: 4, type: EV_SEPARATOR, data: new Uint8Array(4) },
    measured: new Uint8Array(4),
    means: { basis: 'data', kind: 'separator', value: 'zero' },
  },
  {
    who: 'firmware, of an error',
    given: { pcr: 4, type: EV_SEPARATOR, data: ascii('what failed') },
    measured: Uint8Array.of(1, 0, 0, 0),
    means: { basis: 'part', part: 'error-mark', kind: 'separator', value: 'error' },
  },
  {
    who: 'firmware, of an action',
    given: { pcr: 5, type: EV_ACTION, data: ascii('Exit Boot Services Invocation') },
    measured: ascii('Exit Boot Services Invocation'),
    means: { basis: 'data', kind: 'action', text: 'Exit Boot Services Invocation' },
  },
  {
    who: 'firmware, of an action whose NUL it logged alone',
    given: { pcr: 4, type: EV_ACTION, data: ascii('Returned INT 19h\0') },
    measured: ascii('Returned INT 19h'),
    means: { basis: 'part', part: 'text', kind: 'action', text: 'Returned INT 19h' },
  },
  {
    who: 'firmware, of a piece of itself',
    given: { pcr: 0, type: EV_POST_CODE, data: little().u64(0xfff0n).u64(9n).finish() },
    measured: ascii('the piece'),
    means: { basis: 'label', kind: 'blob', description: '', base: 0xfff0n, length: 9n },
  },
  {
    who: 'firmware, of tables that it calls by name',
    given: { pcr: 1, type: EV_PLATFORM_CONFIG_FLAGS, data: ascii('ACPI DATA') },
    measured: ascii('the tables'),
    means: { basis: 'label', kind: 'blob', description: 'ACPI DATA' },
  },
  {
    who: 'firmware, of what a device measured of itself',
    given: { pcr: 2, type: EV_EFI_SPDM_FIRMWARE_BLOB, data: ascii('SPDM Device Sec\0\x01\0') },
    measured: ascii('a measurement'),
    means: { basis: 'label', kind: 'spdm', description: 'SPDM Device Sec' },
  },
  {
    who: "firmware, of devices' certificates",
    given: { pcr: 7, type: EV_EFI_SPDM_DEVICE_POLICY, data: variableData('devdb', ONE) },
    measured: variableData('devdb', ONE),
    means: { basis: 'data', kind: 'spdm', description: 'devdb' },
  },
  {
    who: 'Windows, of a disk that it unlocked',
    given: { pcr: 11, type: EV_COMPACT_HASH, data: little().u32(0x10).finish() },
    measured: little().u32(0x10).finish(),
    means: { basis: 'data', kind: 'windows', count: 0, names: [] },
  },
];

const picked = (meaning: EventMeaning, keys: readonly string[]): object =>
  Object.fromEntries(
    keys.map((key) => [key, (meaning as unknown as Record<string, unknown>)[key]]),
  );

describe('readMeaning', () => {
  for (const { who, given, measured, means } of TABLE) {
    it(`reads what is measured by ${who}: ${String(means['basis'])}`, () => {
      assert.deepEqual(picked(meaningOf(given, measured), Object.keys(means)), means);
    });
  }

  describe('takes what is proved for a label instead', () => {
    const proved = TABLE.filter(({ means }) => means['basis'] !== 'label');

    for (const { who, given, measured, means } of proved) {
      const { type } = given;
      it(`where a digest in one bank is of something else, of ${who}`, () => {
        const digests = BANKS.map((bank) => ({
          bank,
          digest: hash(bank, bank === 'sha384' ? ascii('other') : measured),
        }));
        const [event] = agileLog(logOf([{ ...given, digests }], BANKS)).events;
        assert.ok(event);
        const meaning = readMeaning(event);
        assert.equal(meaning.basis, 'label');
        // A separator that is not what it says is no success.
        if (meaning.kind === 'separator') assert.equal(meaning.value, 'other');
        else if (means['kind'] !== 'systemd' && type !== EV_COMPACT_HASH)
          assert.equal(meaning.kind, means['kind']);
      });

      it(`with SHA-1 alone, of ${who}`, () => {
        assert.equal(meaningOf(given, measured, ['sha1']).basis, 'label');
      });
    }

    it('without a digest', () => {
      const [event] = agileLog(
        logOf([{ pcr: 7, type: EV_EFI_VARIABLE_DRIVER_CONFIG, data: secureBoot, digests: [] }]),
      ).events;
      assert.ok(event);
      assert.equal(readMeaning(event).basis, 'label');
    });

    it('of an event that extends nothing', () => {
      const note = { pcr: 0, type: EV_NO_ACTION, data: ascii('SP800-155 Event\0') };
      const meaning = meaningOf(note, note.data);
      assert.deepEqual(picked(meaning, ['basis', 'kind']), { basis: 'label', kind: 'note' });
    });
  });

  describe('believes nothing that is measured where its kind is not', () => {
    // GRUB measures the bytes of any file into PCR 9, and a log may call that anything.
    for (const [what, given, measured] of [
      [
        'a Secure Boot variable in PCR 1',
        { pcr: 1, type: EV_EFI_VARIABLE_DRIVER_CONFIG, data: secureBoot },
        secureBoot,
      ],
      [
        'dbx as a boot variable',
        { pcr: 1, type: EV_EFI_VARIABLE_BOOT, data: variableData('dbx', ONE, SECURITY_DATABASE) },
        variableData('dbx', ONE, SECURITY_DATABASE),
      ],
      ['a variable in PCR 9', { pcr: 9, type: EV_EFI_VARIABLE_BOOT, data: boot0001 }, boot0001],
      ['an authority in PCR 4', { pcr: 4, type: EV_EFI_VARIABLE_AUTHORITY, data: sbat }, sbat],
      [
        "GRUB's command line in PCR 9",
        { pcr: 9, type: EV_IPL, data: commandLine },
        ascii('/vmlinuz ro'),
      ],
      ["systemd's command line in PCR 9", { pcr: 9, type: EV_IPL, data: stubLine }, stubLine],
      ["shim's flag in PCR 9", { pcr: 9, type: EV_IPL, data: ascii('MokListTrusted\0') }, ONE],
      ['a version in PCR 9', { pcr: 9, type: EV_S_CRTM_VERSION, data: utf16('1.2') }, utf16('1.2')],
      [
        'a partition table in PCR 9',
        { pcr: 9, type: EV_EFI_GPT_EVENT, data: gptData([]) },
        gptData([]),
      ],
    ] as const) {
      it(`: ${what}`, () => {
        assert.equal(meaningOf(given, measured).basis, 'label');
      });
    }
  });

  it("never takes a file's name for what was measured, even if it is", () => {
    const name = ascii('(hd0)/x\0');
    assert.equal(meaningOf({ pcr: 9, type: EV_IPL, data: name }, name).basis, 'label');
    const image = little().u64(1n).u64(1n).u64(0n).u64(0n).finish();
    const given = { pcr: 4, type: EV_EFI_BOOT_SERVICES_APPLICATION, data: image };
    assert.deepEqual(picked(meaningOf(given, image), ['basis', 'kind']), {
      basis: 'label',
      kind: 'image',
    });
  });

  it('takes nothing for proved by a digest of no bytes', () => {
    const nothing = new Uint8Array();
    for (const { given } of TABLE) {
      const meaning = meaningOf(given, nothing);
      const isGuessed = meaning.kind === 'mok' && meaning.basis === 'part';
      if (isGuessed) assert.deepEqual(meaning.value, nothing);
      else assert.equal(meaning.basis, 'label', given.data.toString());
    }
  });

  it('takes a command line to its NUL, for the kernel sees no more', () => {
    const data = ascii('kernel_cmdline: ro\0lockdown=integrity\0');
    const behind = meaningOf({ pcr: 8, type: EV_IPL, data }, ascii('ro\0lockdown=integrity'));
    assert.deepEqual(picked(behind, ['basis', 'text']), { basis: 'label', text: 'ro' });
    const before = meaningOf({ pcr: 8, type: EV_IPL, data }, ascii('ro'));
    assert.deepEqual(picked(before, ['basis', 'text']), { basis: 'part', text: 'ro' });
    const stub = utf16('ro\0lockdown=integrity\0');
    assert.equal(meaningOf({ pcr: 12, type: EV_IPL, data: stub }, stub).basis, 'label');
  });

  it('gives data that is not what its type says as unknown, and never throws', () => {
    for (const { given, measured } of TABLE) {
      for (let end = 0; end < given.data.length; end++) {
        const data = given.data.subarray(0, end);
        const meaning = meaningOf({ ...given, data }, measured);
        assert.equal(typeof nameOfMeaning(meaning), 'string');
      }
      const flipped = Uint8Array.from(given.data);
      flipped[0] = (flipped[0] ?? 0) ^ 0x80;
      meaningOf({ ...given, data: flipped }, measured);
    }
    const short = { pcr: 7, type: EV_EFI_VARIABLE_DRIVER_CONFIG, data: ascii('short') };
    assert.deepEqual(meaningOf(short, short.data), { basis: 'label', kind: 'unknown' });
  });

  it('gives the same answer for the same event, made once', () => {
    const event = eventOf(TABLE[0]?.given ?? { pcr: 0, type: 0, data: ONE }, secureBoot);
    assert.equal(readMeaning(event), readMeaning(event));
  });

  it("reads a confidential VM's events, by the PCRs that its registers stand for", () => {
    const config = { pcr: 1, type: EV_EFI_VARIABLE_DRIVER_CONFIG, data: secureBoot };
    const [inPlace, elsewhere] = parseCcEventLog(ccLogOf([config, { ...config, pcr: 3 }])).events;
    assert.ok(inPlace && elsewhere);
    assert.deepEqual([readMeaning(inPlace).basis, readMeaning(elsewhere).basis], ['data', 'label']);
  });
});
