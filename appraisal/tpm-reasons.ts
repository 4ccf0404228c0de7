import type { Reason } from './reason.ts';

/** What is found of the TPM itself. */
export const TPM_REASONS = {
  WEAK_KEY: {
    title: 'A key of this TPM can be worked out from its public half',
    section: 'CVE-2017-15361',
    remedy:
      'Update the firmware of the TPM, which comes from the maker of the machine. For an AK, enrol again with one of kind ecc-p256; ' +
      'for an EK, have its maker’s tool make a new one, or replace the TPM.',
    actor: 'host-administrator',
  },
  TPM_ADVISORY: {
    title: 'There is an advisory against the firmware of this TPM',
    section: 'appraisal/advisories/ledger.ts',
    remedy: 'Update the firmware of the TPM, which comes from the maker of the machine.',
    actor: 'host-administrator',
  },
  TPM_MAKER_UNKNOWN: {
    title: 'Nobody vouches for who made this TPM, so no advisory can be looked up',
    section: 'appraisal/advisories/ledger.ts',
    remedy: 'Nothing to do: an operator has pinned it, or its root names no maker.',
    actor: 'nobody',
  },
  CLASS_INSUFFICIENT: {
    title: 'The TPM of this host does not resist what a baseline asks it to',
    section: 'RFC 9334, 4.1 (endorsements); arXiv 2304.14717',
    remedy:
      'Use a machine with a TPM that does, or have the owner of the baseline weigh what its section `tpm` asks for.',
    actor: 'approver',
  },
} as const satisfies Record<string, Reason>;
