import assert from 'node:assert/strict';
import { encodeEventLog, type NewEvent, parseEventLog } from '@touchstone/eventlog';
import { quirksNeeded } from '../../firmware/firmware-findings.ts';
import { grammarOffences } from '../../firmware/log-grammar.ts';
import { quirksOfOffences, settle } from '../../firmware/settle.ts';
import type { QuirkName } from '../../quirks.ts';
import {
  action,
  application,
  ascii,
  authority,
  bootOf,
  bootVariable,
  config,
  event,
  firmwareLog,
  image,
  PARTS,
  separator,
} from '../../../test/support/firmware-boot.ts';

const offences = (events: readonly NewEvent[]) => {
  const log = parseEventLog(firmwareLog(events));
  assert.ok(log.format === 'crypto-agile');
  return grammarOffences(log);
};
const found = (events: readonly NewEvent[], quirks: readonly QuirkName[] = []) =>
  settle(offences(events), new Set(quirks)).findings.map(({ code }) => code);

const noAction = (data: Uint8Array, pcr = 0): NewEvent => ({ pcr, type: 3, data, digests: [] });
const locality = (value: number, pcr = 0) =>
  noAction(Buffer.concat([ascii('StartupLocality\0'), Uint8Array.of(value)]), pcr);
const only = (pcr: number, ...instead: NewEvent[]) => [
  ...PARTS.separators.filter((one) => one.pcr !== pcr),
  ...instead,
];

describe('the grammar of a firmware log', () => {
  it('finds nothing in a boot of the profile', () => {
    assert.deepEqual(found(bootOf()), []);
  });

  it('has no separator under another type in PCR 7, whatever quirk is named: LOG_SEPARATOR_RETYPED', () => {
    for (const value of ['00000000', 'ffffffff', '01000000']) {
      const sbat = [event(7, 'EV_EFI_ACTION', Buffer.from(value, 'hex'))];
      const named = found(bootOf({ sbat }), ['SEPARATOR_VALUE_OF_OTHER_EVENT', 'SKIBOOT']);
      assert.deepEqual(named, ['LOG_SEPARATOR_RETYPED'], value);
    }
  });

  it('hides nothing that vouched for a program, or that shim was told: EVENT_DATA_MISMATCH', () => {
    for (const hidden of [
      authority('MokSBState', Uint8Array.of(1)),
      authority('Shim', ascii('x')),
    ]) {
      const { data } = authority('db', ascii('the maker of shim'));
      const sbat = [...PARTS.sbat, { ...hidden, data }];
      assert.deepEqual(found(bootOf({ sbat })), ['EVENT_DATA_MISMATCH']);
      assert.deepEqual(found(bootOf({ sbat: [...PARTS.sbat, hidden] })), []);
    }
  });

  it('takes separators of 0xFFFFFFFF', () => {
    const separators = [0, 1, 2, 3, 4, 5, 6].map((pcr) => separator(pcr, 'ffffffff'));
    assert.deepEqual(found(bootOf({ separators, separator7: [separator(7, 'ffffffff')] })), []);
  });

  it('takes the separator of PCR 7 with those of the others', () => {
    const separators = [...PARTS.separators, separator(7)];
    assert.deepEqual(found(bootOf({ separator7: [], separators })), []);
  });

  it("takes Windows' events, its separators in PCR 12 to 14 included", () => {
    const wbcl = [12, 13, 14].map((pcr) => event(pcr, 'EV_SEPARATOR', ascii('WBCL')));
    const tags = [12, 13, 14].map((pcr) => event(pcr, 'EV_EVENT_TAG', ascii('of Windows')));
    const initrd = [event(11, 'EV_COMPACT_HASH', ascii('LAM')), ...tags, ...wbcl];
    assert.deepEqual(found(bootOf({ initrd })), []);
  });

  it('takes a boot entry that ended, and the next (L23)', () => {
    const failed = [
      application('\\old.efi', 'an old loader'),
      action(4, 'Returning from EFI Application from Boot Option'),
      action(4, 'Calling EFI Application from Boot Option'),
    ];
    assert.deepEqual(found(bootOf({ gpt: [...failed, ...PARTS.gpt] })), []);
  });

  for (const [given, events, code] of [
    ['no separator in PCR 3 (L13)', bootOf({ separators: only(3) }), 'LOG_SEPARATOR_MISSING'],
    ['none in PCR 7', bootOf({ separator7: [] }), 'LOG_SEPARATOR_MISSING'],
    [
      'two in PCR 6',
      bootOf({ separators: [...PARTS.separators, separator(6)] }),
      'LOG_SEPARATOR_REPEATED',
    ],
    [
      "an error's separator",
      bootOf({ separators: only(4, separator(4, '01000000')) }),
      'LOG_SEPARATOR_ERROR',
    ],
    [
      'an error whose data claims to be zeros',
      bootOf({
        separators: only(4, event(4, 'EV_SEPARATOR', Buffer.alloc(4), Uint8Array.of(1, 0, 0, 0))),
      }),
      'LOG_SEPARATOR_ERROR',
    ],
    [
      'a separator of another value',
      bootOf({ separators: only(1, separator(1, '00000002')) }),
      'LOG_SEPARATOR_VALUE',
    ],
    [
      'a separator in PCR 7 typed as an action',
      bootOf({ separator7: [event(7, 'EV_EFI_ACTION', Buffer.alloc(4)), separator(7)] }),
      'LOG_SEPARATOR_RETYPED',
    ],
    [
      'an event in PCR 8 before the separators (L14)',
      bootOf({ drivers: [event(8, 'EV_IPL', ascii('early'))] }),
      'LOG_PRE_OS_EVENT',
    ],
    [
      'an event in PCR 14 while one separator is yet to come',
      bootOf({ separators: only(0), exit: [separator(0), ...PARTS.exit] }),
      'LOG_PRE_OS_EVENT',
    ],
    [
      'firmware in PCR 0 after its separator',
      bootOf({ gpt: [event(0, 'EV_POST_CODE', ascii('late'))] }),
      'LOG_UNEXPECTED_TYPE',
    ],
    [
      'EV_UNUSED in PCR 7 (L4)',
      bootOf({ secureBoot: PARTS.secureBoot.map((one) => ({ ...one, type: 2 })) }),
      'LOG_UNEXPECTED_TYPE',
    ],
    [
      'a loader typed as a firmware blob (L5)',
      bootOf({ shim: PARTS.shim.map((one) => ({ ...one, type: 0x80000008 })) }),
      'LOG_UNEXPECTED_TYPE',
    ],
    [
      'a type that nobody knows in PCR 7',
      bootOf({ authority: PARTS.authority.map((one) => ({ ...one, type: 0x0000beef })) }),
      'LOG_UNEXPECTED_TYPE',
    ],
    [
      'anything in a PCR of a dynamic launch',
      bootOf({ initrd: [event(17, 'EV_IPL', ascii('launch'))] }),
      'LOG_UNEXPECTED_TYPE',
    ],
    [
      'a changed variable whose digest was kept (L6)',
      bootOf({
        secureBoot: PARTS.secureBoot.map((one, at) =>
          at > 0 ? one : { ...one, data: config('SecureBoot', Uint8Array.of(0)).data },
        ),
      }),
      'EVENT_DATA_MISMATCH',
    ],
    ['no ExitBootServices (L17)', bootOf({ exit: [] }), 'EXIT_BOOT_SERVICES_ABSENT'],
    ['a locality of 1 (L15)', [locality(1), ...bootOf()], 'LOG_STARTUP_LOCALITY'],
    ['a locality of 255', [locality(255), ...bootOf()], 'LOG_STARTUP_LOCALITY'],
    ['a locality in PCR 1', [locality(3, 1), ...bootOf()], 'LOG_STARTUP_LOCALITY'],
    ['a locality twice', [locality(3), locality(3), ...bootOf()], 'LOG_STARTUP_LOCALITY'],
    ['a locality after an extend', [...bootOf(), locality(3)], 'LOG_STARTUP_LOCALITY'],
    [
      'an H-CRTM after an extend (L16)',
      bootOf({ crtm: [...PARTS.crtm, event(0, 'EV_EFI_HCRTM_EVENT', ascii('HCRTM'))] }),
      'LOG_STARTUP_LOCALITY',
    ],
  ] as const) {
    it(`refuses ${given}: ${code}`, () => assert.ok(found(events).includes(code)));
  }

  it('takes a startup locality of 3, and an H-CRTM at 4 (L16)', () => {
    assert.deepEqual(found([locality(3), ...bootOf()]), []);
    const hcrtm = event(0, 'EV_EFI_HCRTM_EVENT', ascii('HCRTM'));
    assert.deepEqual(found([locality(4), hcrtm, ...bootOf()]), []);
  });

  describe('by a quirk', () => {
    const rules: readonly (readonly [QuirkName, readonly NewEvent[]])[] = [
      ['EXIT_BOOT_SERVICES_NOT_LOGGED', bootOf({ exit: [] })],
      [
        'CONFIGURATION_AFTER_SEPARATOR',
        bootOf({ gpt: [bootVariable('Boot0001', Uint8Array.of(1))] }),
      ],
      [
        'DRIVERS_AFTER_SEPARATOR',
        bootOf({ gpt: [image(2, 'EV_EFI_BOOT_SERVICES_DRIVER', '\\d.efi', 'd')] }),
      ],
      [
        'BOOT_APPLICATION_IN_PCR_2',
        bootOf({ shim: [image(2, 'EV_EFI_BOOT_SERVICES_APPLICATION', '\\s.efi', 'shim')] }),
      ],
      ['VENDOR_EVENT_TYPE', bootOf({ blobs: [{ ...separator(0, '0101'), type: 0x40e }] })],
      ['SEPARATOR_ABSENT', bootOf({ separators: only(3) })],
      ['SKIBOOT', bootOf({ separators: only(3, separator(3, '536b69')) })],
      [
        'SEPARATOR_VALUE_OF_OTHER_EVENT',
        bootOf({ drivers: [event(1, 'EV_PLATFORM_CONFIG_FLAGS', Buffer.alloc(4))] }),
      ],
      ['LEGACY_BOOT', bootOf({ kernel: [event(4, 'EV_IPL', ascii('MBR'))] })],
      [
        'SECURE_BOOT_VARIABLE_AFTER_SEPARATOR',
        bootOf({ sbat: [config('Another', Uint8Array.of(1))] }),
      ],
    ];
    for (const [quirk, events] of rules) {
      it(`${quirk} lets pass what it names, shows, and is needed`, () => {
        assert.deepEqual(quirksOfOffences(offences(events)), [quirk]);
        assert.notDeepEqual(found(events), []);
        assert.deepEqual(found(events, [quirk]), ['QUIRK_IN_USE']);
        const others = rules.map(([name]) => name).filter((name) => name !== quirk);
        assert.deepEqual(found(events, others), found(events));
      });
    }

    it('lets nothing pass that has no name: an event above PCR 7 too early', () => {
      const early = bootOf({ drivers: [event(8, 'EV_IPL', ascii('early'))] });
      assert.deepEqual(
        found(
          early,
          rules.map(([name]) => name),
        ),
        ['LOG_PRE_OS_EVENT'],
      );
    });
  });

  it('names the quirks that a log needs, for the baseline made from it', () => {
    const log = parseEventLog(firmwareLog(bootOf({ exit: [], separators: only(3) })));
    assert.ok(log.format === 'crypto-agile');
    assert.deepEqual(quirksNeeded(log), ['EXIT_BOOT_SERVICES_NOT_LOGGED', 'SEPARATOR_ABSENT']);
  });

  it('is linear in the log: 60,000 events that are all wrong', () => {
    const wrong = separator(7, '00000002');
    const banks = ['sha256', 'sha384'] as const;
    const events = Array.from({ length: 60_000 }, () => wrong);
    const log = parseEventLog(encodeEventLog({ vendorInfo: new Uint8Array(), banks, events }));
    assert.ok(log.format === 'crypto-agile');
    const before = performance.now();
    assert.ok(grammarOffences(log).length > 60_000);
    assert.ok(performance.now() - before < 5_000);
  });
});
