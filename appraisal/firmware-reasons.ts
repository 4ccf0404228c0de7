import type { Reason } from './reason.ts';

const PROFILE = 'TCG PC Client Platform Firmware Profile';
const ORDER_REMEDY =
  'Restart the host. If it stays so, its firmware leaves the profile (look for a quirk of this model that a baseline can name) or its log was changed: find out which before you approve anything.';
const VARIABLES_REMEDY =
  'Restart the host and look at Secure Boot in the setup of its firmware; if it stays so, its firmware or its log was changed.';
const REVOKED_REMEDY =
  'Update shim, the boot loader and the kernel from the distribution, restart the host, and approve a baseline with the new ones.';

/** What the log of a firmware shows beyond digests. The effect of each is said where it is found. */
export const FIRMWARE_REASONS = {
  LOG_EMPTY: {
    title: 'The log of the boot has no bytes',
    section: `${PROFILE}, 10.2`,
    remedy:
      'Boot through the EFI stub, which hands the log on: with GRUB enable Secure Boot, or use linuxefi and initrdefi in place of linux and initrd; then restart the host.',
    actor: 'host-administrator',
  },
  LOG_SEPARATOR_MISSING: {
    title: 'A PCR of the firmware has no separator',
    section: `${PROFILE}, 10.4.1 EV_SEPARATOR`,
    remedy: ORDER_REMEDY,
    actor: 'host-administrator',
  },
  LOG_SEPARATOR_REPEATED: {
    title: 'A PCR of the firmware has more than one separator',
    section: `${PROFILE}, 10.4.1 EV_SEPARATOR`,
    remedy: ORDER_REMEDY,
    actor: 'host-administrator',
  },
  LOG_SEPARATOR_ERROR: {
    title: 'The firmware failed while it measured, and said so with a separator',
    section: `${PROFILE}, 10.4.1 EV_SEPARATOR`,
    remedy:
      'Restart the host. If it stays so, update or reset its firmware: it does not measure what it starts.',
    actor: 'host-administrator',
  },
  LOG_SEPARATOR_VALUE: {
    title: 'A separator has a value that separators do not have',
    section: `${PROFILE}, 10.4.1 EV_SEPARATOR`,
    remedy: ORDER_REMEDY,
    actor: 'host-administrator',
  },
  LOG_SEPARATOR_RETYPED: {
    title: "An event of another type has a separator's digest",
    section: `${PROFILE}, 10.4.1 EV_SEPARATOR`,
    remedy: ORDER_REMEDY,
    actor: 'host-administrator',
  },
  LOG_PRE_OS_EVENT: {
    title: 'Something was measured for the operating system before the firmware had handed over',
    section: `${PROFILE}, 3.3.4`,
    remedy: ORDER_REMEDY,
    actor: 'host-administrator',
  },
  LOG_UNEXPECTED_TYPE: {
    title: 'An event is of a type that is not measured there',
    section: `${PROFILE}, 3.3.4 and 10.4.1`,
    remedy: ORDER_REMEDY,
    actor: 'host-administrator',
  },
  LOG_STARTUP_LOCALITY: {
    title: 'The log contradicts itself about where the TPM was started from',
    section: `${PROFILE}, 10.4.5.3`,
    remedy: ORDER_REMEDY,
    actor: 'host-administrator',
  },
  EVENT_DATA_MISMATCH: {
    title: "An event's data is not what was measured, though its type says so",
    section: `${PROFILE}, 10.4.1`,
    remedy:
      'The data was changed after it was measured. Find out who changed the log or the agent, and restart the host.',
    actor: 'host-administrator',
  },
  VARIABLE_BOOT_DIGEST: {
    title: 'A boot variable is measured in a way that this model is not known for',
    section: `${PROFILE}, 10.4.1 EV_EFI_VARIABLE_BOOT`,
    remedy:
      'If all hosts of this model do so, approve a baseline that names the quirk; else find out who changed the log.',
    actor: 'approver',
  },
  EXIT_BOOT_SERVICES_ABSENT: {
    title: 'The log does not tell that the firmware was left',
    section: `${PROFILE}, 8.2.4`,
    remedy:
      'Boot a kernel of version 5.3 or later through its EFI stub; or, where this model cannot, approve a baseline that names the quirk.',
    actor: 'host-administrator',
  },
  QUIRK_IN_USE: {
    title: 'A quirk of the firmware was let pass, because a baseline names it',
    section: 'Quirks of firmware',
    remedy: 'Nothing to do while all hosts of this model have it.',
    actor: 'nobody',
  },
  SECURE_BOOT_VARIABLE_REPEATED: {
    title: "One of Secure Boot's variables was measured twice",
    section: `${PROFILE}, 3.3.4.8`,
    remedy: VARIABLES_REMEDY,
    actor: 'host-administrator',
  },
  SECURE_BOOT_VARIABLE_LATE: {
    title: "One of Secure Boot's variables was measured after the separator",
    section: `${PROFILE}, 3.3.4.8`,
    remedy: VARIABLES_REMEDY,
    actor: 'host-administrator',
  },
  SECURE_BOOT_VARIABLE_LENGTH: {
    title: "One of Secure Boot's switches is not one byte of 0 or 1",
    section: 'UEFI 2.10, 3.3 Globally Defined Variables',
    remedy: VARIABLES_REMEDY,
    actor: 'host-administrator',
  },
  SECURE_BOOT_VARIABLE_MALFORMED: {
    title: "One of Secure Boot's lists cannot be read",
    section: 'UEFI 2.10, 32.4.1 Signature Database',
    remedy: VARIABLES_REMEDY,
    actor: 'host-administrator',
  },
  SECURE_BOOT_NOT_MEASURED: {
    title: "Secure Boot's variables were not measured",
    section: `${PROFILE}, 3.3.4.8`,
    remedy:
      'Update the firmware; or, where this model never measures them, approve a baseline that names the quirk.',
    actor: 'host-administrator',
  },
  SECURE_BOOT_WITHOUT_PK: {
    title: 'Secure Boot is said to be on, and it has no platform key',
    section: 'UEFI 2.10, 32.3',
    remedy: VARIABLES_REMEDY,
    actor: 'host-administrator',
  },
  SECURE_BOOT_WITHOUT_AUTHORITY: {
    title: 'Secure Boot is said to be on, and nothing vouched for what was started',
    section: `${PROFILE}, 3.3.4.8`,
    remedy: VARIABLES_REMEDY,
    actor: 'host-administrator',
  },
  SHIM_VERIFICATION_OFF: {
    title: 'shim starts programs without verifying them, whatever Secure Boot says',
    section: "shim's MokVars.txt, MokSBState",
    remedy:
      'Turn the verification on again on the host (mokutil --enable-validation), and restart it.',
    actor: 'host-administrator',
  },
  SECURE_BOOT_OFF: {
    title: 'Secure Boot is not as the baseline asks',
    section: 'UEFI 2.10, 32.3',
    remedy: 'Set Secure Boot as asked in the setup of the firmware, and restart the host.',
    actor: 'host-administrator',
  },
  SECURE_BOOT_AUTHORITY: {
    title: 'Something was started that a certificate vouched for which the baseline does not list',
    section: `${PROFILE}, 3.3.4.8`,
    remedy:
      'Find out what was started; if it was intended, approve a baseline that lists its certificate.',
    actor: 'approver',
  },
  DBX_STALE: {
    title: 'The list of revoked programs is older than the baseline asks',
    section: 'UEFI 2.10, 32.6.1; UEFI Forum, Revocation List File',
    remedy: 'Update dbx on the host (fwupdmgr update), and restart it.',
    actor: 'host-administrator',
  },
  SBAT_STALE: {
    title: "shim's revocations are older than the baseline asks",
    section: "shim's SBAT.md",
    remedy: REVOKED_REMEDY,
    actor: 'host-administrator',
  },
  IMAGE_REVOKED: {
    title: 'Something was started that is on the list of revoked programs',
    section: 'UEFI 2.10, 32.5.3.3; CVE-2020-10713',
    remedy: REVOKED_REMEDY,
    actor: 'host-administrator',
  },
  FIRMWARE_DEBUG_MODE: {
    title: "The firmware's debug mode is on",
    section: `${PROFILE}, 3.3.4.8`,
    remedy: 'Turn the debug mode off in the setup of the firmware, and restart the host.',
    actor: 'host-administrator',
  },
  DMA_PROTECTION_DISABLED: {
    title: 'The firmware did not protect memory from devices while booting',
    section: `${PROFILE}, 3.3.4.8`,
    remedy:
      'Enable DMA protection (VT-d, AMD-Vi, pre-boot DMA protection) in the setup of the firmware, and restart the host.',
    actor: 'host-administrator',
  },
  BOOT_ENTRY_FAILED: {
    title: 'A boot entry ended, and the firmware went on with the next',
    section: `${PROFILE}, 8.2.3`,
    remedy: 'Nothing to do for trust; remove boot entries that do not work.',
    actor: 'nobody',
  },
  IMAGE_UNKNOWN: {
    title: 'A driver or a program of a device was started that no baseline knows',
    section: `${PROFILE}, 3.3.4.3`,
    remedy:
      'Remove the device, or turn its option ROM off in the setup of the firmware; or, if it was added on purpose, capture a new baseline from this host and approve it.',
    actor: 'host-administrator',
  },
  USERSPACE_LOG_MISSING: {
    title: 'Something was measured after booting, and no log of the running system tells what',
    section: "systemd's TPM2 PCR measurements; TCG CEL",
    remedy:
      'Leave PCR 11 and 15 out of what hosts are asked for, or run a system whose log of measurements is sent.',
    actor: 'operator',
  },
} as const satisfies Record<string, Reason>;
