import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseEventLog, replayEventLog } from '@touchstone/eventlog';
import type { Baseline } from '@touchstone/schemas';
import { ParseError, type PcrValues } from '@touchstone/tpm';
import { corpusPath, describeCorpus } from '../../../test/support/corpus.ts';
import { judgeMeasurements, quirksNeeded } from '../../index.ts';
import type { QuirkName } from '../../quirks.ts';

const EBS = 'EXIT_BOOT_SERVICES_NOT_LOGGED';
const OVER_STRUCTURE = 'VARIABLE_BOOT_DIGEST_OVER_STRUCTURE';
const LATE_CONFIGURATION = 'CONFIGURATION_AFTER_SEPARATOR';
const NO_SECURE_BOOT = 'SECURE_BOOT_NOT_MEASURED';
const NO_DMA = 'DMA_PROTECTION_DISABLED';
const EMPTY = 'SECURE_BOOT_VARIABLE_EMPTY';
const FRAGMENT = [EBS, 'SEPARATOR_ABSENT', NO_SECURE_BOOT] as const;
const AMI = [EBS, OVER_STRUCTURE, LATE_CONFIGURATION] as const;

/** The quirks by which a real log is one of the profile. All that are not named here need none. */
const QUIRKS: Readonly<Record<string, readonly QuirkName[]>> = {
  'eve-empty_uri-message-backup-good-log': AMI,
  'eve-empty_uri-message-last-failed-log': AMI,
  'eve-empty_uri-message-last-good-log': AMI,
  'gce-arch-linux-workstation': [...AMI, EMPTY],
  'gce-confidential-gke-debug-251000_eventlog': ['SEPARATOR_VALUE_OF_OTHER_EVENT'],
  'gce-gdc-host': [LATE_CONFIGURATION, NO_DMA],
  'gce-glinux-alex': [...AMI, 'SEPARATOR_VALUE_OF_OTHER_EVENT'],
  'gce-ubuntu-2204-intel-tdx': ['BOOT_APPLICATION_IN_PCR_2'],
  'hirs-TpmLog': [EBS, LATE_CONFIGURATION],
  'hirs-laptop_default': AMI,
  'hirs-rimel-laptop_badOemInstall_oem': AMI,
  'hirs-rimel-laptop_badOemInstall_var': FRAGMENT,
  'hirs-rimel-laptop_badVarInstall_oem': AMI,
  'hirs-rimel-laptop_badVarInstall_var': FRAGMENT,
  'hpe-perf-uefi_log': [LATE_CONFIGURATION, NO_DMA],
  'ibmacs-tpm2bios': [EBS, 'SKIBOOT', 'LEGACY_BOOT', NO_SECURE_BOOT],
  'ibmtss-deb1': ['VENDOR_EVENT_TYPE', 'SECURE_BOOT_VARIABLE_AFTER_SEPARATOR'],
  'ibmtss-deb2': ['VENDOR_EVENT_TYPE'],
  'ibmtss-hp1': AMI,
  'ibmtss-sm3': [EBS],
  'ibmtss-sm4': [EBS],
  'imaevm-test': [EBS],
  'immune-dell-notebook-wbcl': [LATE_CONFIGURATION],
  'immune-ev-IMN-SUPERMICRO-EPP-MSDefender': [...AMI, NO_SECURE_BOOT],
  'immune-ev-IMN-SUPERMICRO-WBCL-Quote-AIKs': [...AMI, NO_SECURE_BOOT],
  'immune-ev-dell-notebook-5eventlogs-WBCL-0': [LATE_CONFIGURATION],
  'immune-ev-dell-notebook-5eventlogs-WBCL-1': [LATE_CONFIGURATION],
  'immune-ev-dell-notebook-5eventlogs-WBCL-2': [LATE_CONFIGURATION],
  'immune-ev-dell-notebook-5eventlogs-WBCL-3': [LATE_CONFIGURATION],
  'immune-ev-dell-notebook-5eventlogs-WBCL-4': [LATE_CONFIGURATION],
  'immune-ev-elitebook': [LATE_CONFIGURATION, NO_DMA],
  'immune-ev-latitude-7520': [LATE_CONFIGURATION],
  'immune-ev-ludmilla-2': [EBS],
  'immune-ev-ludmilla': [EBS],
  'immune-ev-test-before': [LATE_CONFIGURATION, NO_DMA],
  'immune-ev-test-update': [LATE_CONFIGURATION, NO_DMA],
  'immune-ev-test': [LATE_CONFIGURATION, NO_DMA],
  'immune-supermicro-wbcl-osload': [...AMI, NO_SECURE_BOOT],
  'isecl-uefi_event_log': [LATE_CONFIGURATION],
  'isecl-uefi_event_log_invalid': ['VARIABLE_BOOT_DATA_UNRELATED', LATE_CONFIGURATION],
  'ita-tpm20': [LATE_CONFIGURATION, NO_DMA],
  'kraemr-ima-verify-old': [EBS, 'LEGACY_BOOT', NO_SECURE_BOOT],
  'kraemr-ima-verify': [EBS, 'LEGACY_BOOT', NO_SECURE_BOOT],
  'kunpeng-bbm': [EMPTY],
  'pyuefi-inspur': AMI,
  'pyuefi-thinkpad': [EBS],
  'rustkeylime-push-uefi_log': [LATE_CONFIGURATION, 'DRIVERS_AFTER_SEPARATOR', 'VENDOR_EVENT_TYPE'],
  'secboot-dell_embedded_box_pc_3000': AMI,
  'secboot-sb_no_efi_action': [EBS],
  'tpm2tools-event-arch-linux': [...AMI, EMPTY],
  'tpm2tools-event-postcode': AMI,
  'tpm2tools-event-sd-boot-fedora37': [EMPTY],
  'tpm2tools-event-uefiaction': FRAGMENT,
  'tpm2tools-event-uefiservices': FRAGMENT,
  'tpm2tools-event-uefivar': FRAGMENT,
  'tpm2tools-event': FRAGMENT,
  'tpmtool-tpm20_efi_agile': [EBS],
  'tss-pc_client': [...AMI, EMPTY],
};

/** What speaks against what these logs say, whoever approves their digests. */
const FOUND: Readonly<Record<string, readonly string[]>> = {
  'secboot-efi-eventlog2': ['SHIM_VERIFICATION_OFF'],
  'secboot-sb_no_shim_verification': ['SHIM_VERIFICATION_OFF'],
};

const read = (path: string): Uint8Array => readFileSync(corpusPath(path));

/** What enforces, but for what follows from there being no baseline of digests. */
function found(bytes: Uint8Array, quirks: readonly QuirkName[], pcrs = valuesOf(bytes)): string[] {
  const baseline = { part: 'firmware', name: 'model', version: 1, quirks, rules: [] };
  const judgement = judgeMeasurements({
    class: 'discrete',
    pcrs,
    bootLogs: [{ digest: 'ab'.repeat(32), bytes }],
    baselines: [{ baseline: baseline as unknown as Baseline, banks: ['sha256'] }],
  });
  const enforced = judgement.log.foremost.filter(({ effect }) => effect !== 'observe');
  return [...new Set(enforced.map(({ code }) => code))];
}

function valuesOf(bytes: Uint8Array): PcrValues {
  const { banks, incompleteBanks } = replayEventLog(parseEventLog(bytes));
  const broken = new Set(incompleteBanks.map(({ bank, pcr }) => `${bank} ${pcr}`));
  return new Map(
    [...banks]
      .filter(([bank]) => bank !== 'sha1')
      .map(([bank, values]) => [
        bank,
        new Map([...values].filter(([pcr]) => !broken.has(`${bank} ${pcr}`))),
      ]),
  );
}

describeCorpus('the firmware logs of the corpus', () => {
  const logs = readdirSync(corpusPath('eventlogs')).map((name) => `eventlogs/${name}`);
  const parsed = logs.flatMap((path) => {
    try {
      const bytes = read(path);
      return [{ name: basename(path, '.bin'), bytes, log: parseEventLog(bytes) }];
    } catch (error) {
      if (error instanceof ParseError) return [];
      throw error;
    }
  });
  const agile = parsed.filter(({ log }) => log.format === 'crypto-agile');

  it('are sixty and more', () => assert.ok(agile.length > 60, `${agile.length}`));

  for (const { name, bytes, log } of agile) {
    const quirks = QUIRKS[name] ?? [];
    it(`${name}: ${quirks.join(', ') || 'no quirk'}`, () => {
      assert.deepEqual(quirksNeeded(log), quirks);
      assert.deepEqual(found(bytes, quirks), FOUND[name] ?? []);
    });
  }

  it('are refused where they are of SHA-1 alone, and where they cannot be read', () => {
    for (const { name, bytes, log } of parsed) {
      if (log.format === 'crypto-agile') continue;
      assert.deepEqual(found(bytes, [], new Map()), ['LOG_LEGACY'], name);
    }
    for (const path of logs) {
      if (parsed.some(({ name }) => name === basename(path, '.bin'))) continue;
      const codes = found(read(path), [], new Map());
      assert.deepEqual(codes, [read(path).length === 0 ? 'LOG_EMPTY' : 'LOG_MALFORMED'], path);
    }
  });

  /** Against the PCRs that the log had before, and with all quirks of its original. */
  for (const [mutation, code] of [
    ['digest-bit-flipped', 'LOG_REPLAY_MISMATCH'],
    ['event-removed', 'LOG_REPLAY_MISMATCH'],
    ['event-data-flipped-digest-kept', 'EVENT_DATA_MISMATCH'],
    ['separator-duplicated', 'LOG_SEPARATOR_REPEATED'],
    ['truncated-in-data', 'LOG_MALFORMED'],
    ['truncated-in-header', 'LOG_MALFORMED'],
    ['event-size-ffffffff', 'LOG_MALFORMED'],
    ['digest-count-65536', 'LOG_MALFORMED'],
    ['undeclared-alg', 'LOG_MALFORMED'],
  ] as const) {
    it(`that were tampered with are refused, ${mutation}: ${code}`, () => {
      const derived = readdirSync(corpusPath('eventlogs-derived')).filter(
        (name) => name.includes(`--${mutation}`) && !name.startsWith('goattest-linux_tpm12'),
      );
      assert.ok(derived.length > 0);
      for (const file of derived) {
        const [name = ''] = file.split('--');
        const pcrs = valuesOf(read(`eventlogs/${name}.bin`));
        const codes = found(read(`eventlogs-derived/${file}`), QUIRKS[name] ?? [], pcrs);
        assert.ok(codes.includes(code), `${file}: ${codes.join()}`);
      }
    });
  }

  it('of measured boots need no quirk, and one of them has no log', () => {
    for (const boot of ['a-sb-on', 'b3-sb-off-linuxefi', 'c-cmdline', 'd-initrd', 'k-tis']) {
      const bytes = read(`boots/${boot}/binary_bios_measurements`);
      assert.deepEqual(quirksNeeded(parseEventLog(bytes)), [], boot);
      assert.deepEqual(found(bytes, []), [], boot);
    }
    const none = read('boots/b-sb-off/binary_bios_measurements');
    const pcrs = valuesOf(read('boots/b3-sb-off-linuxefi/binary_bios_measurements'));
    assert.deepEqual(found(none, [], pcrs), ['LOG_EMPTY']);
  });
});
