type Entry = {
  readonly title: string;
  /** Of the TPM library specification, or of the TSS 2.0 Overview and Common Structures. */
  readonly section: string;
  readonly remedy: string;
};

/** What can fail between this process and its TPM, each with what to do about it. */
export const TPM_CODES = {
  /** The TPM answered with an error; `rc` and `rcName` say which. */
  TPM_RC: {
    title: 'The TPM refused a command',
    section: 'Part 2, 6.6',
    remedy: 'Read which response code it was. If it persists, report it with the agent’s log.',
  },
  /** The command may have been executed. The context is spent: open anew. */
  TPM_TIMEOUT: {
    title: 'The TPM does not answer',
    section: 'TSS 2.0, 3.15',
    remedy:
      'Nothing to do if it answers again by itself. If not: a chip, look at `dmesg | grep -i tpm` and power the ' +
      'host off and on; a software TPM, see whether its swtpm process is stopped or starved.',
  },
  /** The context is spent: open anew. */
  TPM_UNAVAILABLE: {
    title: 'The connection to the TPM is gone',
    section: 'TSS 2.0, 3.15',
    remedy:
      'Try again: it is opened anew. If it persists, check that the TPM’s driver or process runs.',
  },
  TPM_ABSENT: {
    title: 'There is no TPM at that place',
    section: 'TSS 2.0, 3.15',
    remedy:
      'Enable the TPM in the firmware’s settings and look for /dev/tpmrm0; a software TPM starts with the agent.',
  },
  TPM_LIBRARY_MISSING: {
    title: 'tpm2-tss is not installed',
    section: 'TSS 2.0',
    remedy:
      'Install libtss2-esys-3.0.2-0, libtss2-mu0, libtss2-tctildr0, libtss2-tcti-device0, libtss2-tcti-swtpm0 and ' +
      'libtss2-rc0.',
  },
  TPM_NOT_PERMITTED: {
    title: 'This user may not open the TPM',
    section: 'TSS 2.0, 3.15',
    remedy: 'Run the agent as root, or as a member of the group that owns the device (tss).',
  },
  /** Another process holds the device, or the TPM kept answering RETRY, YIELDED or TESTING. */
  TPM_BUSY: {
    title: 'The TPM is busy',
    section: 'Part 2, 6.6.3',
    remedy:
      'Wait and try again. If another process holds /dev/tpm0 (`fuser /dev/tpm0`), end it, or use /dev/tpmrm0, ' +
      'which many can use at a time.',
  },
  /** No place for another object or session: Part 1, 37.5. */
  TPM_FULL: {
    title: 'The TPM has no place for another object or session',
    section: 'Part 2, 6.6.3',
    remedy:
      'The agent gives back what is its own and tries again. If it persists, see what other programs hold: ' +
      '`tpm2_getcap handles-transient`, `tpm2_getcap handles-loaded-session`.',
  },
  TPM_LOCKED_OUT: {
    title: 'The TPM is locked out after wrong authorizations',
    section: 'Part 1, 19.8',
    remedy:
      'Wait until it recovers (`tpm2_getcap properties-variable`: TPM2_PT_LOCKOUT_INTERVAL), or ' +
      '`tpm2_dictionarylockout --clear-lockout` with the lockout auth; then find who tried. The agent’s own keys ' +
      'are not subject to lockout.',
  },
  TPM_FAILED: {
    title: 'The TPM is in failure mode',
    section: 'Part 1, 12.3',
    remedy: 'Power the host off and on. If it fails again, the TPM has to be replaced.',
  },
  /** Its HMAC or form is wrong: somebody may sit on the bus. */
  TPM_RESPONSE_INVALID: {
    title: 'The TPM’s answer is malformed or not authentic',
    section: 'Part 1, 19.6',
    remedy:
      'Treat the host as suspect: somebody may sit between CPU and TPM. Else the TPM is broken.',
  },
  TPM_PCR_UNREADABLE: {
    title: 'A selected PCR cannot be read',
    section: 'Part 3, 22.4',
    remedy: 'Select banks and PCRs that this TPM has: `tpm2_getcap pcrs`.',
  },
  /** The arguments; nothing was sent. */
  TPM_MISUSE: {
    title: 'The TPM was asked for something that cannot be',
    section: 'TSS 2.0, 3.15',
    remedy: 'This is a fault of ours: report it with the agent’s log.',
  },
  TPM_CLOSED: {
    title: 'The TPM was closed',
    section: 'TSS 2.0, 3.15',
    remedy: 'Try again: it is opened anew.',
  },
} as const satisfies Record<string, Entry>;
export type TpmErrorCode = keyof typeof TPM_CODES;
