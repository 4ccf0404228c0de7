import type { QuirkName } from '../quirks.ts';

/** Before a PCR's separator, and after it. */
export type Phase = 'before' | 'after';

/** An event type's right to be where it is; a quirk's name where it has it only by that quirk. */
export type Place = 'allowed' | 'refused' | QuirkName;

type Types = readonly string[];

const IMAGES = [
  'EV_EFI_BOOT_SERVICES_APPLICATION',
  'EV_EFI_BOOT_SERVICES_DRIVER',
  'EV_EFI_RUNTIME_SERVICES_DRIVER',
];
const BLOBS = ['EV_EFI_PLATFORM_FIRMWARE_BLOB', 'EV_EFI_PLATFORM_FIRMWARE_BLOB2'];
const TABLES = ['EV_EFI_HANDOFF_TABLES', 'EV_EFI_HANDOFF_TABLES2'];
const BOOT_VARIABLES = ['EV_EFI_VARIABLE_BOOT', 'EV_EFI_VARIABLE_BOOT2'];
const GPT = ['EV_EFI_GPT_EVENT', 'EV_EFI_GPT_EVENT2'];
const ACTIONS = ['EV_EFI_ACTION', 'EV_ACTION'];
const NONHOST = ['EV_NONHOST_CODE', 'EV_NONHOST_CONFIG', 'EV_NONHOST_INFO'];
const LEGACY = ['EV_ACTION', 'EV_EVENT_TAG', 'EV_IPL', 'EV_IPL_PARTITION_DATA', 'EV_COMPACT_HASH'];

/** What the platform's firmware measures: TCG PC Client PFP, 3.3.4.1 to 3.3.4.8, and 10.4.1. */
const BEFORE: Readonly<Record<number, Types>> = {
  0: [
    ...['EV_S_CRTM_CONTENTS', 'EV_S_CRTM_VERSION', 'EV_EFI_HCRTM_EVENT'],
    ...['EV_POST_CODE', 'EV_POST_CODE2', ...BLOBS, ...NONHOST, ...TABLES],
    ...['EV_EFI_BOOT_SERVICES_DRIVER', 'EV_EFI_RUNTIME_SERVICES_DRIVER'],
    ...['EV_PLATFORM_CONFIG_FLAGS', 'EV_EFI_ACTION'],
  ],
  1: [
    ...['EV_CPU_MICROCODE', 'EV_PLATFORM_CONFIG_FLAGS', 'EV_TABLE_OF_DEVICES'],
    ...[...NONHOST, ...TABLES, ...BOOT_VARIABLES, ...BLOBS],
    ...['EV_EFI_VARIABLE_DRIVER_CONFIG', 'EV_EFI_ACTION', 'EV_POST_CODE', 'EV_POST_CODE2'],
  ],
  2: [
    ...[...IMAGES, ...BLOBS, ...NONHOST, 'EV_POST_CODE', 'EV_POST_CODE2', 'EV_EFI_ACTION'],
    'EV_EFI_SPDM_FIRMWARE_BLOB',
  ],
  3: [
    ...['EV_EFI_VARIABLE_DRIVER_CONFIG', 'EV_NONHOST_CONFIG', 'EV_PLATFORM_CONFIG_FLAGS'],
    ...[...TABLES, 'EV_EFI_ACTION', 'EV_EFI_SPDM_FIRMWARE_CONFIG'],
  ],
  4: [...[...IMAGES, 'EV_EFI_ACTION', 'EV_OMIT_BOOT_DEVICE_EVENTS', 'EV_COMPACT_HASH']],
  // Boot variables were PCR 5's before revision 1.03 of the profile.
  5: [...GPT, ...BOOT_VARIABLES, 'EV_EFI_ACTION'],
  6: [...ACTIONS, ...NONHOST, 'EV_COMPACT_HASH', 'EV_EVENT_TAG', 'EV_PLATFORM_CONFIG_FLAGS'],
  7: [
    ...['EV_EFI_VARIABLE_DRIVER_CONFIG', 'EV_EFI_VARIABLE_AUTHORITY', 'EV_EFI_ACTION'],
    ...['EV_EFI_SPDM_DEVICE_POLICY', 'EV_EFI_SPDM_DEVICE_AUTHORITY'],
  ],
};

/** What may come once the firmware has handed over: boot applications, their disk, what vouched for them. */
const AFTER: Readonly<Record<number, Types>> = {
  4: [...IMAGES, 'EV_EFI_ACTION', 'EV_OMIT_BOOT_DEVICE_EVENTS', 'EV_COMPACT_HASH'],
  // systemd-boot measures its configuration as tagged events.
  5: [...GPT, 'EV_EFI_ACTION', 'EV_EVENT_TAG'],
  6: [...ACTIONS, 'EV_COMPACT_HASH'],
  7: [
    ...['EV_EFI_VARIABLE_AUTHORITY', 'EV_EFI_ACTION'],
    ...['EV_EFI_SPDM_DEVICE_POLICY', 'EV_EFI_SPDM_DEVICE_AUTHORITY'],
  ],
};

/** What loaders and operating systems measure: GRUB, shim, systemd-stub, Linux's stub, Windows' boot manager. */
const SYSTEM: Readonly<Record<number, Types>> = {
  8: ['EV_IPL', 'EV_EVENT_TAG'],
  9: ['EV_IPL', 'EV_EVENT_TAG'],
  11: ['EV_IPL', 'EV_EVENT_TAG', 'EV_COMPACT_HASH'],
  12: ['EV_IPL', 'EV_EVENT_TAG', 'EV_SEPARATOR'],
  13: ['EV_IPL', 'EV_EVENT_TAG', 'EV_SEPARATOR'],
  14: ['EV_IPL', 'EV_EVENT_TAG', 'EV_SEPARATOR', ...ACTIONS],
  15: ['EV_IPL', 'EV_EVENT_TAG'],
  16: ['EV_IPL', 'EV_EVENT_TAG', ...ACTIONS],
  23: ['EV_IPL', 'EV_EVENT_TAG', ...ACTIONS],
};

const BY_QUIRK: readonly {
  readonly quirk: QuirkName;
  readonly pcrs: readonly number[];
  readonly phases: readonly Phase[];
  readonly types: Types;
}[] = [
  {
    quirk: 'CONFIGURATION_AFTER_SEPARATOR',
    ...{ pcrs: [1], phases: ['after'] },
    types: [...BOOT_VARIABLES, ...TABLES, 'EV_EFI_VARIABLE_DRIVER_CONFIG'],
  },
  {
    quirk: 'DRIVERS_AFTER_SEPARATOR',
    ...{ pcrs: [2], phases: ['after'] },
    types: ['EV_EFI_BOOT_SERVICES_DRIVER', 'EV_EFI_RUNTIME_SERVICES_DRIVER'],
  },
  {
    quirk: 'BOOT_APPLICATION_IN_PCR_2',
    ...{ pcrs: [2], phases: ['after'] },
    types: ['EV_EFI_BOOT_SERVICES_APPLICATION', 'EV_EFI_GPT_EVENT'],
  },
  {
    quirk: 'SECURE_BOOT_VARIABLE_AFTER_SEPARATOR',
    ...{ pcrs: [7], phases: ['after'] },
    types: ['EV_EFI_VARIABLE_DRIVER_CONFIG'],
  },
  {
    quirk: 'LEGACY_BOOT',
    ...{ pcrs: [0, 1, 2, 4, 5], phases: ['before', 'after'] },
    types: LEGACY,
  },
  { quirk: 'SKIBOOT', pcrs: [3, 7], phases: ['before'], types: ['EV_ACTION'] },
];

/** Whether an event of a type that is known may be in a PCR of the firmware, or of the system that it starts. */
export function placeOf(type: string, pcr: number, phase: Phase): Place {
  if (pcr > LAST_FIRMWARE_PCR) return SYSTEM[pcr]?.includes(type) === true ? 'allowed' : 'refused';
  const table = phase === 'before' ? BEFORE : AFTER;
  if (table[pcr]?.includes(type) === true) return 'allowed';
  const excuse = BY_QUIRK.find(
    ({ pcrs, phases, types }) =>
      pcrs.includes(pcr) && phases.includes(phase) && types.includes(type),
  );
  return excuse?.quirk ?? 'refused';
}

export const LAST_FIRMWARE_PCR = 7;
