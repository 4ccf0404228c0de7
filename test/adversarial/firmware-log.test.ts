import assert from 'node:assert/strict';
import type { NewEvent } from '@touchstone/eventlog';
import { hash } from '@touchstone/tpm';
import { attack } from '../support/attack.ts';
import {
  action,
  application,
  ascii,
  bootOf,
  type BootParts,
  config,
  event,
  firmwareLog,
  image,
  PARTS,
  separator,
} from '../support/firmware-boot.ts';
import { FirmwareHost } from '../support/firmware-host.ts';

const retyped = (events: readonly NewEvent[], type: number) =>
  events.map((one) => ({ ...one, type }));
const noAction = (text: string, last: number, pcr = 0): NewEvent => ({
  ...{ pcr, type: 3, digests: [] },
  data: Buffer.concat([ascii(text), Uint8Array.of(last)]),
});
const locality = (value: number, pcr = 0) => noAction('StartupLocality\0', value, pcr);
const only = (pcr: number, ...instead: NewEvent[]) => [
  ...PARTS.separators.filter((one) => one.pcr !== pcr),
  ...instead,
];

describe('The log of a firmware', function () {
  this.timeout(60_000);
  let firmware: FirmwareHost;
  before(async function () {
    this.timeout(120_000);
    firmware = await FirmwareHost.start();
  });
  after(async function () {
    this.timeout(60_000);
    await firmware?.stop();
  });

  type Change = Partial<BootParts> | readonly NewEvent[];
  const isList = (change: Change): change is readonly NewEvent[] => Array.isArray(change);
  const refuses = (number: string, what: string, code: string, change: Change) =>
    it(`makes the host untrusted by ${what}: ${number}`, () =>
      attack(number, () => {
        const events = isList(change) ? change : bootOf(change);
        return firmware.untrustedFor(code, { log: firmwareLog(events) });
      }));

  describe('whose events claim another type', () => {
    const attackers = application('\\EFI\\BOOT\\BOOTX64.EFI', "the attacker's loader");
    refuses('L4', "the owner's variables as EV_UNUSED, and another set", 'LOG_UNEXPECTED_TYPE', {
      secureBoot: [
        ...retyped(PARTS.secureBoot, 2),
        ...[config('SecureBoot', Uint8Array.of(1)), config('PK', ascii('another'))],
      ],
    });
    refuses('L5', "the owner's loader as a blob, and another loader", 'LOG_UNEXPECTED_TYPE', {
      shim: [...retyped(PARTS.shim, 0x80000008), attackers],
    });
    refuses('L13', 'a separator as an action', 'LOG_SEPARATOR_RETYPED', {
      separator7: [event(7, 'EV_EFI_ACTION', Buffer.alloc(4)), ...PARTS.separator7],
    });
  });

  describe('whose data was changed', () => {
    refuses('L6', "a variable's value, its digest kept", 'EVENT_DATA_MISMATCH', {
      secureBoot: PARTS.secureBoot.map((one, at) =>
        at > 0 ? one : { ...one, data: config('SecureBoot', Uint8Array.of(0)).data },
      ),
    });

    it('changes nothing where no digest covers it, and is shown as unverified: L7', () =>
      attack('L7', async () => {
        const { digests } = PARTS.shim[0]!;
        const lie = application('\\EFI\\harmless.efi', 'shim');
        const shim = [{ ...lie, ...(digests === undefined ? {} : { digests }) }];
        const answer = await firmware.boots({ log: firmwareLog(bootOf({ shim })) });
        assert.equal(answer.state, 'trusted');
        const { bootState } = await firmware.touchstone.explanation(firmware.host.name);
        const [first] = bootState?.images.filter(({ role }) => role === 'application') ?? [];
        assert.equal(first?.claimedFile, '\\EFI\\harmless.efi');
        await firmware.boots();
        return { outcome: 'T' };
      }));
  });

  describe('whose order is not that of a boot', () => {
    refuses('L13', 'a separator that is missing', 'LOG_SEPARATOR_MISSING', { separators: only(3) });
    refuses('L13', 'two separators', 'LOG_SEPARATOR_REPEATED', {
      separators: [...PARTS.separators, separator(6)],
    });
    refuses('L13', "an error's separator", 'LOG_SEPARATOR_ERROR', {
      separators: only(4, separator(4, '01000000')),
    });
    refuses('L14', 'an event of the system before the separators', 'LOG_PRE_OS_EVENT', {
      drivers: [...PARTS.drivers, event(8, 'EV_IPL', ascii('early'))],
    });
    for (const value of [1, 2, 255]) {
      refuses('L15', `a startup locality of ${value}`, 'LOG_STARTUP_LOCALITY', [
        locality(value),
        ...bootOf(),
      ]);
    }
    refuses('L15', 'a startup locality in PCR 1', 'LOG_STARTUP_LOCALITY', [
      locality(3, 1),
      ...bootOf(),
    ]);
    refuses('L15', 'a startup locality twice', 'LOG_STARTUP_LOCALITY', [
      locality(3),
      ...[locality(3), ...bootOf()],
    ]);
    refuses('L15', 'a startup locality after an extend', 'LOG_STARTUP_LOCALITY', [
      ...bootOf(),
      locality(3),
    ]);
    refuses('L16', 'an H-CRTM after an extend', 'LOG_STARTUP_LOCALITY', {
      crtm: [...PARTS.crtm, event(0, 'EV_EFI_HCRTM_EVENT', ascii('HCRTM'))],
    });
  });

  it('follows an H-CRTM from locality 4, and holds its event against the baseline: L16', () =>
    attack('L16', async () => {
      const hcrtm = event(0, 'EV_EFI_HCRTM_EVENT', ascii('HCRTM'));
      const log = firmwareLog([locality(4), hcrtm, ...bootOf()]);
      const { found } = await firmware.untrustedFor('EVENT_UNEXPLAINED', { log });
      assert.equal(found.event?.type, 'EV_EFI_HCRTM_EVENT');
      const codes = (await firmware.findings()).map(({ code }) => code);
      assert.ok(!codes.includes('LOG_REPLAY_MISMATCH'));
      return { outcome: 'U', code: 'EVENT_UNEXPLAINED' };
    }));

  describe('that does not tell all', () => {
    it('warns of events in a PCR that was not quoted, and counts none of them: L3', () =>
      attack('L3', async () => {
        const extra = event(15, 'EV_IPL', ascii('a machine id'));
        const answer = await firmware.boots({ log: firmwareLog([...bootOf(), extra]) });
        assert.deepEqual([answer.verdict, answer.state], ['warning', 'trusted']);
        const found = (await firmware.findings()).find(({ code }) => code === 'LOG_UNQUOTED');
        assert.equal(found?.effect, 'warn');
        await firmware.boots();
        return { outcome: 'W', code: found.code };
      }));

    it('has no ExitBootServices, though PCR 5 has: L17', () =>
      attack('L17', async () => {
        const whole = bootOf();
        const before = await firmware.boots({ log: firmwareLog(whole) });
        assert.equal(before.state, 'trusted');
        // What Linux before 5.3 shows: the events were measured, and are not in the log.
        const pcr5 = ofPcr5(whole);
        const log = firmwareLog(bootOf({ exit: [] }));
        return firmware.untrustedFor('EXIT_BOOT_SERVICES_ABSENT', {
          log,
          pcrs: new Map([[5, pcr5]]),
        });
      }));

    it('lacks what was measured after booting, in PCR 11: L28', () =>
      attack('L28', async () => {
        const moved = hash('sha256', new Uint8Array(32), hash('sha256', ascii('enter-initrd')));
        return firmware.untrustedFor('USERSPACE_LOG_MISSING', { pcrs: new Map([[11, moved]]) });
      }));

    it('has no bytes, as after GRUB’s linux with Secure Boot off: LOG_EMPTY', async () => {
      const empty = { log: null, pcrs: new Map([[0, hash('sha256', ascii('x'))]]) };
      const { found } = await firmware.untrustedFor('LOG_EMPTY', empty);
      assert.match(found.remedy, /Secure Boot.*linuxefi/u);
    });
  });

  describe('of what was started', () => {
    it('has a boot entry that ended before the next, which an owner may approve: L23', () =>
      attack('L23', async () => {
        const failed = [
          application('\\old.efi', 'an old loader'),
          action(4, 'Returning from EFI Application from Boot Option'),
          action(4, 'Calling EFI Application from Boot Option'),
        ];
        const log = firmwareLog(bootOf({ gpt: [...failed, ...PARTS.gpt] }));
        await firmware.untrustedFor('EVENT_UNEXPLAINED', { log });
        await firmware.approves(log);
        assert.equal((await firmware.boots({ log })).state, 'trusted');
        const found = (await firmware.findings()).find(({ code }) => code === 'BOOT_ENTRY_FAILED');
        assert.equal(found?.effect, 'observe');
        await firmware.approves();
        assert.equal((await firmware.boots()).state, 'trusted');
        return { outcome: 'T' };
      }));

    it('names a driver of a device that nobody approved: L24', () =>
      attack('L24', async () => {
        const rom = image(2, 'EV_EFI_BOOT_SERVICES_DRIVER', '\\implant.efi', 'an implant');
        const log = firmwareLog(bootOf({ drivers: [...PARTS.drivers, rom] }));
        const { found, ...observed } = await firmware.untrustedFor('IMAGE_UNKNOWN', { log });
        assert.match(found.actual ?? '', /unverified: .*implant\.efi/u);
        return observed;
      }));
  });
});

/** PCR 5 as these events leave it. */
function ofPcr5(events: readonly NewEvent[]): Uint8Array {
  return events
    .filter(({ pcr }) => pcr === 5)
    .reduce<Uint8Array>((value, { digests = [] }) => {
      const digest = digests.find(({ bank }) => bank === 'sha256')?.digest ?? new Uint8Array();
      return hash('sha256', value, digest);
    }, new Uint8Array(32));
}
