/**
 * Ways in which real firmware and loaders leave the profile, by name. A baseline document opts into one with
 * `quirks: [NAME]`; what it lets pass is exactly what `relaxes` says, and each that let something pass shows on the
 * result: QUIRK_IN_USE. Everything else that the profile does not know is refused.
 */
type Quirk = {
  readonly title: string;
  readonly relaxes: string;
  /** Where it was met. */
  readonly source: string;
};

export const QUIRKS = {
  EXIT_BOOT_SERVICES_NOT_LOGGED: {
    title: 'The log ends before the firmware was left',
    relaxes:
      'The two events of ExitBootServices may be missing from the log of PCR 5, whether the PCR was extended by just these two or not at all.',
    source: 'Linux before 5.3 does not append the final events; some firmware measures none',
  },
  VARIABLE_BOOT_DIGEST_OVER_STRUCTURE: {
    title: 'Boot variables are measured with their names',
    relaxes:
      "The digest of an EV_EFI_VARIABLE_BOOT may be of the whole UEFI_VARIABLE_DATA and not of the variable's value alone.",
    source: 'Dell, Lenovo and Inspur firmware; canonical/tcglog-check',
  },
  VARIABLE_BOOT_DATA_UNRELATED: {
    title: 'A boot variable is logged otherwise than it was measured',
    relaxes:
      'The digest of an EV_EFI_VARIABLE_BOOT may be of something that its data does not hold; the data is a label then.',
    source: 'a server of the Intel SecL project whose Boot0000 has a wrong length',
  },
  CONFIGURATION_AFTER_SEPARATOR: {
    title: 'Settings and boot entries are measured after the separator of PCR 1',
    relaxes:
      'EV_EFI_VARIABLE_BOOT, EV_EFI_VARIABLE_BOOT2, EV_EFI_VARIABLE_DRIVER_CONFIG, EV_EFI_HANDOFF_TABLES and EV_EFI_HANDOFF_TABLES2 may come after the separator in PCR 1.',
    source: 'AMI firmware of Intel, Supermicro and HP machines; HPE, Dell and Google servers',
  },
  DRIVERS_AFTER_SEPARATOR: {
    title: 'Drivers are loaded after the separator of PCR 2',
    relaxes:
      'EV_EFI_BOOT_SERVICES_DRIVER and EV_EFI_RUNTIME_SERVICES_DRIVER may come after the separator in PCR 2.',
    source: 'a Lenovo server: drivers of a boot device are loaded when it is tried',
  },
  BOOT_APPLICATION_IN_PCR_2: {
    title: 'What is booted is measured into PCR 2',
    relaxes:
      'EV_EFI_BOOT_SERVICES_APPLICATION and EV_EFI_GPT_EVENT may come after the separator in PCR 2.',
    source: "Google's firmware for Intel TDX: the registers of the confidential VM as PCRs",
  },
  VENDOR_EVENT_TYPE: {
    title: 'The firmware has types of events of its own',
    relaxes: 'Events of types that no specification names may come in PCR 0 to 6.',
    source: 'HP and Lenovo firmware: 0x0000040e in PCR 0, 0x00008401 in PCR 2',
  },
  SEPARATOR_ABSENT: {
    title: 'A PCR of the firmware has no separator',
    relaxes:
      'PCR 0 to 7 may lack the separator: nothing tells what came before the operating system.',
    source: 'recorders that keep part of a log; firmware of VMs before 2019',
  },
  SKIBOOT: {
    title: 'The firmware is Skiboot',
    relaxes:
      'An EV_SEPARATOR may have any digest that is not the one of an error; EV_ACTION may come in PCR 3 and 7, and may be 0xFFFFFFFF as a separator is.',
    source:
      'OpenPOWER: its separators are "Skiboot Boot", its first events EV_ACTION of 0xFFFFFFFF',
  },
  SEPARATOR_VALUE_OF_OTHER_EVENT: {
    title: 'Something else is measured as zeros',
    relaxes:
      'An event of another type may have the digest of a separator, in PCR 0 to 6: a version or a flag of four zero bytes.',
    source: 'firmware that measures flags as a UINT32',
  },
  LEGACY_BOOT: {
    title: 'The machine boots as a BIOS does',
    relaxes:
      'EV_ACTION, EV_EVENT_TAG, EV_IPL, EV_IPL_PARTITION_DATA and EV_COMPACT_HASH may come in PCR 1, 2, 4 and 5 as the profile for conventional BIOS has them.',
    source: 'SeaBIOS and coreboot; TCG PC Client Implementation for Conventional BIOS',
  },
  SECURE_BOOT_VARIABLE_EMPTY: {
    title: 'The variable SecureBoot has no value',
    relaxes: 'SecureBoot may be measured with no value, which counts as off.',
    source: "go-attestation's AllowEmptySBVar",
  },
  SECURE_BOOT_NOT_MEASURED: {
    title: 'The firmware measures no Secure Boot variables',
    relaxes: 'PCR 7 may lack SecureBoot, PK, KEK, db and dbx; Secure Boot is unknown then.',
    source: 'Supermicro firmware; OpenPOWER; BIOS',
  },
  SECURE_BOOT_VARIABLE_AFTER_SEPARATOR: {
    title: "Secure Boot's configuration is measured again after the separator",
    relaxes:
      'EV_EFI_VARIABLE_DRIVER_CONFIG may come after the separator in PCR 7 for variables that were not measured before it.',
    source: 'a laptop whose shim measures its own state so',
  },
  AUTHORITY_NOT_MEASURED: {
    title: 'Secure Boot is on, and no authority was measured',
    relaxes: 'SecureBoot may be 1 without an EV_EFI_VARIABLE_AUTHORITY.',
    source: 'firmware that measures authorities of boot applications only when asked by a loader',
  },
  DMA_PROTECTION_DISABLED: {
    title: 'The firmware says that DMA protection is off',
    relaxes: '"DMA Protection Disabled" in PCR 7 warns no more.',
    source: 'HPE, HP and Google servers whose IOMMU the operating system sets up',
  },
} as const satisfies Record<string, Quirk>;

export type QuirkName = keyof typeof QUIRKS;

/** To be raised whenever a quirk lets pass what it did not before. */
export const QUIRKS_VERSION = 1;

export const isQuirk = (name: string): name is QuirkName => Object.hasOwn(QUIRKS, name);
