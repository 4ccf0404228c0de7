import type { Reason } from './reason.ts';

const TEMPLATES = 'Linux, Documentation/security/IMA-templates.rst';
const FILE_REMEDY =
  'Put the file back as its package has it and restart the host; or, if it is meant to be there, add its digest to the runtime baseline and approve that.';
const LIST_REMEDY =
  "The kernel's list and the TPM do not tell the same story. Restart the host; if it stays so, look for who changed its list or its agent.";

/** What the kernel's list of measured files (IMA) shows. The effect of each is said where it is found. */
export const IMA_REASONS = {
  IMA_LOG_MISSING: {
    title: 'The kernel measured files, and its list of them was not sent',
    section: TEMPLATES,
    remedy:
      'See that securityfs is mounted and that the agent may read ima/binary_runtime_measurements in it.',
    actor: 'host-administrator',
  },
  IMA_LOG_WANTED: {
    title: "The kernel's list of measured files has to be sent once more, or from another entry",
    section: TEMPLATES,
    remedy: 'Nothing to do: the agent sends it with its next evidence.',
    actor: 'agent',
  },
  IMA_LOG_MALFORMED: {
    title: "The kernel's list of measured files cannot be read",
    section: TEMPLATES,
    remedy: LIST_REMEDY,
    actor: 'host-administrator',
  },
  IMA_LOG_MISMATCH: {
    title: "No beginning of the kernel's list of measured files adds up to PCR 10",
    section: TEMPLATES,
    remedy: LIST_REMEDY,
    actor: 'host-administrator',
  },
  IMA_NOT_QUOTED: {
    title: 'PCR 10 is not quoted, so nothing of the list of measured files is proven',
    section: TEMPLATES,
    remedy: "Add PCR 10 to the selection in the server's configuration.",
    actor: 'operator',
  },
  IMA_NOT_MEASURED: {
    title: 'The kernel measured no file into the TPM',
    section: TEMPLATES,
    remedy:
      'Start the kernel with a policy of IMA (ima_policy=tcb) and with the driver of its TPM built in, and restart the host.',
    actor: 'host-administrator',
  },
  IMA_TEMPLATE_HASH_MISMATCH: {
    title: "An entry's template digest is not the hash of its data",
    section: TEMPLATES,
    remedy: 'Believe nothing of what the entry says; find out who changed the list.',
    actor: 'host-administrator',
  },
  IMA_TEMPLATE_RETYPED: {
    title: 'An entry is called by another template than the one that was measured',
    section: TEMPLATES,
    remedy: 'Believe nothing of what the entry says; find out who changed the list.',
    actor: 'host-administrator',
  },
  IMA_OTHER_PCR: {
    title: 'Files were measured into another PCR than 10, and are not judged',
    section: 'Linux, Documentation/ABI/testing/ima_policy, pcr=',
    remedy: 'Take pcr= out of the IMA policy of the host, and restart it.',
    actor: 'host-administrator',
  },
  IMA_FILE_DIFFERS: {
    title: 'A file was used whose content is not what the baseline allows at its path',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: FILE_REMEDY,
    actor: 'host-administrator',
  },
  IMA_FILE_UNKNOWN: {
    title: 'A file was used that no baseline names',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: FILE_REMEDY,
    actor: 'host-administrator',
  },
  IMA_SIGNATURE_BAD: {
    title: 'A file was used whose signature is not valid under the keys of the baseline',
    section: 'Linux, security/integrity/digsig_asymmetric.c',
    remedy: FILE_REMEDY,
    actor: 'host-administrator',
  },
  IMA_BUFFER_UNKNOWN: {
    title: 'The kernel measured data of its own that no baseline names',
    section: 'Linux, Documentation/ABI/testing/ima_policy, CRITICAL_DATA and others',
    remedy:
      'Read what was measured; if it is meant to be so, add its digest to the runtime baseline.',
    actor: 'host-administrator',
  },
  IMA_KEY_UNKNOWN: {
    title: 'A key was loaded into a keyring of the kernel that no baseline allows there',
    section: 'Linux, Documentation/ABI/testing/ima_policy, KEY_CHECK',
    remedy: 'Find out who loaded it; if it is meant to be there, allow it in the runtime baseline.',
    actor: 'host-administrator',
  },
  IMA_VIOLATION: {
    title:
      'A file was read while it was open for writing, or written while in use: what was used is unknown',
    section: 'Linux, security/integrity/ima/ima_main.c, ima_rdwr_violation_check',
    remedy:
      'Find out who writes to it. Where hosts do so as they should (logs that are read), say `violations: warn` in the runtime baseline: nothing proves the name of a violation, so that no exclusion is about one.',
    actor: 'host-administrator',
  },
  IMA_BOOT_AGGREGATE: {
    title: 'The list of measured files is of another boot than the quoted PCRs',
    section: 'Linux, security/integrity/ima/ima_crypto.c, ima_calc_boot_aggregate',
    remedy: 'Restart the host; a kernel started by kexec begins with the PCRs of the one before.',
    actor: 'host-administrator',
  },
  IMA_BOOT_AGGREGATE_UNPROVEN: {
    title: "The list's digest of the boot is of PCRs that are not quoted",
    section: 'Linux, security/integrity/ima/ima_crypto.c, ima_calc_boot_aggregate',
    remedy:
      'Ask for PCRs 0 to 9 of that bank; or start the kernel with ima_hash=sha256, or newer ones, which use the bank that is quoted.',
    actor: 'operator',
  },
} as const satisfies Readonly<Record<string, Reason>>;
