import assert from 'node:assert/strict';
import type { Baseline } from '@touchstone/schemas';
import { hash } from '@touchstone/tpm';
import { attack } from '../support/attack.ts';
import {
  action,
  application,
  ascii,
  authority,
  bootOf,
  type BootParts,
  bootVariable,
  COMMAND_LINE,
  config,
  DBX,
  event,
  firmwareLog,
  grub,
  PARTS,
  PK,
  REVOKED,
  variableData,
} from '../support/firmware-boot.ts';
import { FirmwareHost, KERNEL } from '../support/firmware-host.ts';

const ON = Uint8Array.of(1);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const [secureBoot, ...others] = PARTS.secureBoot;
const without = (...names: string[]) =>
  PARTS.secureBoot.filter(
    ({ data }) => !names.some((name) => hex(data) === hex(config(name, valueOf(data)).data)),
  );
const valueOf = (data: Uint8Array): Uint8Array => {
  const length = Number(Buffer.from(data).readBigUInt64LE(24));
  return data.subarray(data.length - length);
};

describe('What a firmware says of Secure Boot', function () {
  this.timeout(60_000);
  let firmware: FirmwareHost;
  before(async function () {
    this.timeout(120_000);
    assert.ok(secureBoot);
    firmware = await FirmwareHost.start();
  });
  after(async function () {
    this.timeout(60_000);
    await firmware?.stop();
  });

  const booted = (change: Partial<BootParts>) => firmwareLog(bootOf(change));
  /** Even where somebody approved the very events. */
  const refusesApproved = (
    number: string,
    what: string,
    code: string,
    change: Partial<BootParts>,
  ) =>
    it(`makes the host untrusted by ${what}, though its digests are approved: ${number}`, () =>
      attack(number, async () => {
        const log = booted(change);
        await firmware.approves(log);
        const answer = await firmware.boots({ log });
        const found = (await firmware.findings()).find((one) => one.code === code);
        assert.deepEqual([answer.state, found?.effect], ['untrusted', 'enforce']);
        await firmware.approves();
        assert.equal((await firmware.boots()).state, 'trusted');
        return { outcome: 'U', code };
      }));

  refusesApproved('L9', 'SecureBoot twice', 'SECURE_BOOT_VARIABLE_REPEATED', {
    secureBoot: [config('SecureBoot', Uint8Array.of(0)), ...PARTS.secureBoot],
  });
  refusesApproved('L9', 'db after the separator', 'SECURE_BOOT_VARIABLE_LATE', {
    authority: [config('db', PK), ...PARTS.authority],
  });
  refusesApproved('L10', 'SecureBoot on without PK', 'SECURE_BOOT_WITHOUT_PK', {
    secureBoot: without('PK'),
  });
  refusesApproved('L10', 'SecureBoot on with an empty PK', 'SECURE_BOOT_WITHOUT_PK', {
    secureBoot: [...without('PK'), config('PK', new Uint8Array())],
  });
  refusesApproved('L10', 'SecureBoot on without authority', 'SECURE_BOOT_WITHOUT_AUTHORITY', {
    authority: [],
  });
  for (const value of [new Uint8Array(), Uint8Array.of(1, 0), Uint8Array.of(2)]) {
    refusesApproved(
      'L11',
      `SecureBoot of ${hex(value) || 'no byte'}`,
      'SECURE_BOOT_VARIABLE_LENGTH',
      {
        secureBoot: [config('SecureBoot', value), ...others],
      },
    );
  }

  it('takes an empty SecureBoot for off where a baseline names the quirk: L11', async () => {
    const log = booted({ secureBoot: [config('SecureBoot', new Uint8Array()), ...others] });
    // Off, the kernel locks nothing down: kexec is the one finding left.
    await firmware.approves(log, { quirks: ['SECURE_BOOT_VARIABLE_EMPTY'] });
    await firmware.boots({ log });
    const enforced = (await firmware.findings()).filter(({ effect }) => effect === 'enforce');
    assert.deepEqual(
      enforced.map(({ code }) => code),
      ['KEXEC_UNMEASURED'],
    );
    const { bootState } = await firmware.touchstone.explanation(firmware.host.name);
    assert.deepEqual(
      [bootState?.secureBoot, bootState?.quirks],
      ['off', ['SECURE_BOOT_VARIABLE_EMPTY']],
    );
    await firmware.approves();
    assert.equal((await firmware.boots()).state, 'trusted');
  });

  refusesApproved('L12', 'debug mode', 'FIRMWARE_DEBUG_MODE', {
    separator7: [action(7, 'UEFI Debug Mode'), ...PARTS.separator7],
  });

  it('warns where memory was open to devices: L12', async () => {
    const log = booted({
      separator7: [action(7, 'DMA Protection Disabled'), ...PARTS.separator7],
    });
    await firmware.approves(log);
    assert.equal((await firmware.boots({ log })).verdict, 'warning');
    const found = (await firmware.findings()).map(({ effect, code }) => `${effect} ${code}`);
    assert.deepEqual(found, ['warn DMA_PROTECTION_DISABLED']);
    await firmware.approves();
    assert.equal((await firmware.boots()).verdict, 'affirming');
  });

  describe('and of boot variables', () => {
    const structure = (of?: Uint8Array) =>
      event(1, 'EV_EFI_VARIABLE_BOOT', variableData('Boot0000', PK), of);
    const [order] = PARTS.bootVariables;
    const changed = { bootVariables: [order!, structure()] };
    refusesApproved('L8', 'a digest of the whole structure', 'VARIABLE_BOOT_DIGEST', changed);
    refusesApproved('L8', 'a digest of something else', 'VARIABLE_BOOT_DIGEST', {
      bootVariables: [order!, structure(ascii('something else'))],
    });

    it('takes either style where it is known of the model: L8', async () => {
      const log = booted(changed);
      await firmware.approves(log, { quirks: ['VARIABLE_BOOT_DIGEST_OVER_STRUCTURE'] });
      assert.equal((await firmware.boots({ log })).state, 'trusted');
      const found = (await firmware.findings()).map(({ effect, code }) => `${effect} ${code}`);
      assert.deepEqual(found, ['observe QUIRK_IN_USE']);
      await firmware.approves();
      assert.equal((await firmware.boots()).state, 'trusted');
    });

    it('is not trusted with another boot entry', () =>
      firmware.untrustedFor('EVENT_UNEXPLAINED', {
        log: booted({ bootVariables: [...PARTS.bootVariables, bootVariable('Boot0001', ON)] }),
      }));
  });

  describe('is held against what a baseline asks', () => {
    const asks = (secure: Omit<NonNullable<Baseline['secureBoot']>, 'mode' | 'state'>) => ({
      secureBoot: { mode: 'enforce' as const, state: 'on' as const, ...secure },
    });
    const asked = async (secure: Parameters<typeof asks>[0], code: string) => {
      await firmware.approves(undefined, asks(secure));
      const answer = await firmware.boots();
      const found = (await firmware.findings()).find((one) => one.code === code);
      assert.deepEqual([answer.state, found?.effect], ['untrusted', 'enforce']);
      await firmware.approves();
      assert.equal((await firmware.boots()).state, 'trusted');
      return { outcome: 'U', code } as const;
    };

    it('with a dbx that lacks a digest that is asked for: L25', () =>
      attack('L25', () => asked({ dbxIncludes: ['ab'.repeat(32)] }, 'DBX_STALE')));

    it('with revocations of shim that are older: L26', () =>
      attack('L26', () => asked({ sbat: { shim: 4, grub: 6 } }, 'SBAT_STALE')));

    it('with an authority that is not listed', () =>
      asked({ authorities: [{ sha256: 'cd'.repeat(32) }] }, 'SECURE_BOOT_AUTHORITY'));

    it('and is trusted where it has all of it', async () => {
      const dbxIncludes = [hex(hash('sha256', ascii(REVOKED)))];
      await firmware.approves(undefined, asks({ dbxIncludes, sbat: { shim: 4, grub: 5 } }));
      assert.equal((await firmware.boots()).state, 'trusted');
      await firmware.approves();
    });
  });

  refusesApproved('L26', 'a program that its own dbx revokes', 'IMAGE_REVOKED', {
    grub: [application('\\EFI\\debian\\grubx64.efi', REVOKED)],
  });
  it('does not believe a list that cannot be read', () =>
    firmware.untrustedFor('SECURE_BOOT_VARIABLE_MALFORMED', {
      log: booted({ secureBoot: [...without('dbx'), config('dbx', DBX.subarray(0, -1))] }),
    }));

  it('does not believe a Secure Boot whose shim verifies nothing', async () => {
    const log = booted({ sbat: [...PARTS.sbat, authority('MokSBState', ON)] });
    const { found } = await firmware.untrustedFor('SHIM_VERIFICATION_OFF', { log });
    assert.equal(found.event?.name, 'MokSBState');
  });

  it('counts dbx as it was measured', async () => {
    const { bootState } = await firmware.touchstone.explanation(firmware.host.name);
    assert.equal(bootState?.keys.dbx?.entries, 2);
  });

  describe('and of the command line', () => {
    it('makes the host untrusted where a word was added: L27', () =>
      attack('L27', async () => {
        const line = `${COMMAND_LINE} init=/bin/sh module.sig_enforce=0`;
        const log = booted({ commandLine: [grub('kernel_cmdline', line)] });
        const { found: _found, ...observed } = await firmware.untrustedFor('EVENT_DIFFERS', {
          log,
        });
        return observed;
      }));
  });

  describe('decides what kexec could have done', () => {
    /** The same boot, where a baseline knows nothing of its kernel. */
    const kexec = async (change: Partial<BootParts>, lockdown: readonly string[]) => {
      const log = booted(change);
      await firmware.approves(log, {}, lockdown);
      const { state } = await firmware.boots({ log });
      const found = (await firmware.findings()).find(({ code }) => code === 'KEXEC_UNMEASURED');
      const { bootState } = await firmware.touchstone.explanation(firmware.host.name);
      await firmware.approves();
      assert.equal((await firmware.boots()).state, 'trusted');
      return { state, effect: found?.effect, guard: bootState?.kexec };
    };
    const OPEN = { state: 'untrusted', effect: 'enforce', guard: 'open' };
    const withWords = (words: string) => ({
      commandLine: [grub('kernel_cmdline', `${COMMAND_LINE} ${words}`)],
    });
    const off = { secureBoot: [config('SecureBoot', Uint8Array.of(0)), ...others] };

    it('refuses a kernel that nobody knows to lock down: G20', () =>
      attack('G20', async () => {
        assert.deepEqual(await kexec({}, []), OPEN);
        return { outcome: 'U', code: 'KEXEC_UNMEASURED' };
      }));

    it('refuses one that would, with Secure Boot off: G20', async () => {
      assert.deepEqual(await kexec({ ...off, authority: [] }, [KERNEL]), OPEN);
      assert.deepEqual(await kexec({ ...off, ...withWords('lockdown=integrity') }, []), OPEN);
    });

    it('trusts one that is told to on its approved command line', async () => {
      const trusted = { state: 'trusted', effect: undefined, guard: 'locked-down' };
      assert.deepEqual(await kexec(withWords('lockdown=integrity'), []), trusted);
      assert.deepEqual(await kexec(withWords('lockdown=none'), []), OPEN);
    });

    it('trusts one that turns kexec off before anything else runs', async () => {
      const words = withWords('sysctl.kernel.kexec_load_disabled=1');
      const trusted = { state: 'trusted', effect: undefined, guard: 'absent' };
      assert.deepEqual(await kexec(words, []), trusted);
    });
  });
});
