import type { Reason } from './reason.ts';

const LOG_REMEDY =
  'The log and the TPM do not tell the same story. Restart the host; if it stays so, look for who changed its log or its agent.';
const BASELINE_REMEDY =
  'Capture a baseline from a host that is known to be good, read it, and approve it.';

/** What authentic evidence shows. The effect of each is said where it is found. */
export const APPRAISAL_REASONS = {
  APPRAISAL_ERROR: {
    title: 'The appraisal itself failed, so nothing is known to be good',
    section: 'Fail closed',
    remedy: 'Report this as a bug, with the evidence and the baselines.',
    actor: 'operator',
  },
  CLASS_MISMATCH: {
    title: "The class held for this host is not the one in its key's certificate",
    section: 'RFC 9334, 4.1 (endorsements)',
    remedy: 'Enrol the host again, and approve it for the class that its TPM has.',
    actor: 'host-administrator',
  },
  CLOCK_NOT_SAFE: {
    title: "The TPM's clock may have been set back by a loss of power",
    section: 'TCG Part 1, 36.3.3 safe',
    remedy: 'Nothing to do: the TPM clears this by itself within about 70 minutes of power.',
    actor: 'nobody',
  },
  BANK_WEAK: {
    title: 'A PCR is proven by SHA-1 only, and SHA-1 proves nothing here',
    section: 'TCG Algorithm Registry, 5',
    remedy: 'Enable the SHA-256 bank of PCRs and restart the host.',
    actor: 'host-administrator',
  },
  BANK_NOT_EXTENDED: {
    title: 'A bank of PCRs is quoted into which nothing was measured while booting',
    section: 'TCG PC Client Platform Firmware Profile, 3.3.4; CVE-2021-42299',
    remedy:
      'Update the firmware, or set it to measure into this bank, and restart the host; or ask only for banks that it feeds.',
    actor: 'host-administrator',
  },
  BANK_ENABLED_EMPTY: {
    title: 'A bank of PCRs is enabled, and nothing was measured into it while booting',
    section: 'TCG PC Client Platform Firmware Profile, 3.3.4',
    remedy:
      'Disable that bank in the setup of the firmware (or with tpm2_pcrallocate) and restart the host: root could fill it with anything.',
    actor: 'host-administrator',
  },
  LOG_MISSING: {
    title: 'No log of measured events was sent',
    section: 'TCG PC Client Platform Firmware Profile, 10',
    remedy: LOG_REMEDY,
    actor: 'host-administrator',
  },
  LOG_AMBIGUOUS: {
    title: 'More than one log of the same kind was sent',
    section: 'Statement, logs',
    remedy: LOG_REMEDY,
    actor: 'agent',
  },
  LOG_MALFORMED: {
    title: 'The log of measured events cannot be read',
    section: 'TCG PC Client Platform Firmware Profile, 10.2',
    remedy: LOG_REMEDY,
    actor: 'host-administrator',
  },
  LOG_LEGACY: {
    title: 'The log holds SHA-1 digests only, and SHA-1 proves nothing here',
    section: 'TCG PC Client Platform Firmware Profile, 10.2.1',
    remedy: 'Set the firmware to TPM 2.0 with a SHA-256 bank and a crypto-agile log.',
    actor: 'host-administrator',
  },
  LOG_MISSING_FOR_PCR: {
    title: 'Something was measured into a PCR, and no event tells what',
    section: 'TCG PC Client Platform Firmware Profile, 10',
    remedy: LOG_REMEDY,
    actor: 'host-administrator',
  },
  LOG_REPLAY_MISMATCH: {
    title: 'The events of a PCR do not add up to its value',
    section: 'TCG PC Client Platform Firmware Profile, 10',
    remedy: LOG_REMEDY,
    actor: 'host-administrator',
  },
  LOG_BANK_INCOMPLETE: {
    title: 'Events lack the digests of a bank of PCRs that was quoted',
    section: 'TCG PC Client Platform Firmware Profile, 10.2.2',
    remedy: 'Ask only for banks that the firmware feeds, or update the firmware.',
    actor: 'operator',
  },
  LOG_UNQUOTED: {
    title: 'Events were measured into a PCR that is not quoted; nothing proves them',
    section: 'TCG PC Client Platform Firmware Profile, 10',
    remedy: 'Nothing to do: these events count for nothing.',
    actor: 'nobody',
  },
  LOG_WRONG_FOR_CLASS: {
    title: 'The log is not of the kind that a host of this class has',
    section: "The class chooses the log's grammar, never the log's header",
    remedy: 'Restart the agent and the software TPM; a host with a TPM of its own must enrol anew.',
    actor: 'host-administrator',
  },
  KEXEC_UNMEASURED: {
    title: 'Another kernel could have been started without the TPM seeing it',
    section: 'kexec_load(2)',
    remedy:
      'Boot with Secure Boot on a kernel that locks itself down (lockdown=integrity on its command line), or disable kexec, or have IMA measure it; then approve a baseline that says so.',
    actor: 'host-administrator',
  },
  KEXEC_SEEN: {
    title: 'Another kernel was started in this boot without the firmware',
    section: 'kexec_load(2); boot_aggregate of IMA',
    remedy: 'Restart the host, and disable kexec on it; find out who started another kernel.',
    actor: 'host-administrator',
  },
  NO_BASELINE: {
    title: 'No approved baseline applies to this host',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: BASELINE_REMEDY,
    actor: 'approver',
  },
  BASELINE_EXPIRED: {
    title: 'A baseline for this host has expired',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: BASELINE_REMEDY,
    actor: 'approver',
  },
  BASELINE_MALFORMED: {
    title: 'A stored baseline is not in the known form',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: 'Retire that baseline, and approve one that this version accepts.',
    actor: 'approver',
  },
  BASELINE_BANK_NOT_QUOTED: {
    title: 'A baseline speaks of banks of PCRs that were not quoted',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: 'Approve a baseline in a bank that is quoted, or ask for that bank.',
    actor: 'approver',
  },
  RULE_TYPE_UNKNOWN: {
    title: 'A rule is about a type of event that nobody knows',
    section: 'TCG PC Client PFP, 10.4.1',
    remedy:
      'Look for a typing error in its type. What it enforces is never met, so it trusts nobody.',
    actor: 'operator',
  },
  RULE_PCR_NOT_QUOTED: {
    title: 'A rule is about a PCR that hosts are not asked for',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: "Correct its PCR, or add that one to the selection in the server's configuration.",
    actor: 'operator',
  },
  BASELINES_TOO_MANY: {
    title: 'More baselines apply to this host than can be shown',
    section: 'Bounded results',
    remedy: 'Retire baselines that are no longer needed, or match them more narrowly.',
    actor: 'approver',
  },
} as const satisfies Record<string, Reason>;
