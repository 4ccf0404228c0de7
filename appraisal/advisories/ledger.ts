/** Two to four of the words of TPM_PT_FIRMWARE_VERSION_1 and _2, sixteen bits each, the greatest first. */
export type FirmwareVersion = readonly [number, number, ...number[]];

/** Both ends belong to it; an end of fewer words stands for all that begin so. */
export type FirmwareRange = { readonly from: FirmwareVersion; readonly to: FirmwareVersion };

/** What is publicly known against the firmware of TPMs. Facts, each from where it says. */
export type Advisory = {
  readonly title: string;
  /**
   * Who can make use of it: anybody with the key's public half; whoever runs programs on the host; whoever has the
   * machine in hand.
   */
  readonly kind: 'remote' | 'local' | 'physical';
  /** As the AK's certificate has it. */
  readonly maker: string;
  /** The kinds of key that it gives away; absent: it is not about keys of one kind. */
  readonly keys?: 'rsa' | 'ecc';
  readonly firmware: readonly FirmwareRange[];
  readonly source: string;
  readonly remedy: string;
};

const only = (...versions: readonly FirmwareVersion[]): readonly FirmwareRange[] =>
  versions.map((version) => ({ from: version, to: version }));

const UPDATE = 'Update the firmware of the TPM, which comes from the maker of the machine';

export const ADVISORIES = {
  ROCA: {
    title: 'RSA keys that this TPM makes can be worked out from their public half: CVE-2017-15361',
    ...{ kind: 'remote', maker: 'IFX', keys: 'rsa' },
    firmware: [
      { from: [5, 0], to: [5, 61] },
      { from: [7, 0], to: [7, 61] },
      { from: [133, 0], to: [133, 32] },
    ],
    source:
      'Nemec and others, ACM CCS 2017; Infineon, infineon.com/TPM-update; versions as Microsoft listed them with ADV170012',
    remedy: `${UPDATE}; then enrol again, with an attestation key of kind ecc-p256.`,
  },
  TPM_FAIL_ST: {
    title: 'ECDSA keys leak through the time that signing takes: CVE-2019-16863',
    ...{ kind: 'local', maker: 'STM', keys: 'ecc' },
    firmware: only(
      ...([
        [71, 0],
        [71, 4],
        [71, 12],
        [73, 0],
        [73, 4],
        [73, 5],
        [73, 8],
        [73, 9],
      ] as const),
      ...([
        [74, 0],
        [74, 4],
        [74, 5],
        [74, 8],
        [74, 9],
        [74, 16],
      ] as const),
    ),
    source: 'STMicroelectronics, st.com/content/st_com/en/campaigns/tpm-update.html; tpm.fail',
    remedy: `${UPDATE}; then enrol again: the attestation key of before may be known.`,
  },
  TPM_FAIL_INTEL: {
    title: 'ECDSA keys leak through the time that signing takes: CVE-2019-11090',
    ...{ kind: 'local', maker: 'INTC', keys: 'ecc' },
    firmware: [
      { from: [11, 0], to: [11, 8, 64] },
      { from: [11, 10], to: [11, 11, 64] },
      { from: [11, 20], to: [11, 22, 64] },
      { from: [12, 0, 0], to: [12, 0, 34] },
      { from: [3, 0], to: [3, 1, 64] },
    ],
    source:
      'INTEL-SA-00241 (PTT, and TXE 3), November 2019; versions as heise.de/-4585573 lists them; tpm.fail',
    remedy: `${UPDATE} (as part of its BIOS); then enrol again: the attestation key of before may be known.`,
  },
  NUVOTON_SA_003: {
    title:
      'A command can write past a buffer, and stops the TPM until it loses power: CVE-2023-1017',
    ...{ kind: 'local', maker: 'NTC' },
    firmware: only([1, 3, 0, 1], [1, 3, 1, 0], [1, 3, 2, 8]),
    source: 'Nuvoton SA-003, nuvoton.com/support/security/security-advisories/sa-003',
    remedy: `${UPDATE}: 1.3.2.20. Nothing can be read or changed by it; the TPM comes back after the power was cut.`,
  },
  FAULTPM: {
    title:
      'Who has the machine for some hours reads all that this TPM holds, by faults of its supply voltage: faulTPM',
    ...{ kind: 'physical', maker: 'AMD' },
    firmware: [{ from: [3, 0], to: [3, 65_535] }],
    source:
      'Jacob and others, arXiv 2304.14717 (Zen 2 and Zen 3); 3.* is the fTPM of Ryzen 1000 to 5000: AMD, July 2025, as heise.de/-10482872 has it',
    remedy:
      'No update mends this. Where a stolen machine matters, use one with a TPM of its own chip, or keep it where nobody can take it.',
  },
} as const satisfies Readonly<Record<string, Advisory>>;

export type AdvisoryName = keyof typeof ADVISORIES;

/** To be raised, and POLICY with it, whenever an advisory comes, goes or changes. */
export const ADVISORIES_VERSION = 1;

export const isAdvisory = (name: string): name is AdvisoryName => Object.hasOwn(ADVISORIES, name);
