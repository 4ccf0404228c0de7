const REREAD = 'Send the list again, whole and unchanged, as securityfs shows it.';

/** Codes of ParseError for IMA's lists; part of EVENTLOG_CODES. */
export const IMA_CODES = {
  IMA_FORMAT: {
    title: "The bytes begin as neither format of IMA's list does",
    section: 'Linux, security/integrity/ima/ima_fs.c',
    remedy:
      'Send binary_runtime_measurements or ascii_runtime_measurements of securityfs, unchanged.',
  },
  IMA_TOO_LARGE: {
    title: "IMA's list is larger than the limit",
    section: 'Linux, security/integrity/ima/ima_fs.c',
    remedy: REREAD,
  },
  IMA_TOO_MANY_ENTRIES: {
    title: "IMA's list has more entries than the limit",
    section: 'Linux, security/integrity/ima/ima_fs.c',
    remedy:
      'Narrow what the IMA policy of the host measures, and restart the host: its list only grows.',
  },
  IMA_PCR_INDEX: {
    title: "An entry of IMA's list names a PCR that does not exist",
    section: 'Linux, security/integrity/ima/ima_fs.c',
    remedy: REREAD,
  },
  IMA_TEMPLATE: {
    title: "An entry of IMA's list is of a template, or has a field, that is not known here",
    section: 'Linux, Documentation/security/IMA-templates.rst',
    remedy: 'Start the kernel with a template that it documents (ima_template=ima-sig).',
  },
  IMA_TEMPLATE_DIGEST: {
    title: "An entry of IMA's list has no template digest of the list's algorithm",
    section: 'Linux, security/integrity/ima/ima_fs.c',
    remedy: REREAD,
  },
  IMA_FIELD: {
    title: "A field of an entry of IMA's list is not of its form",
    section: 'Linux, Documentation/security/IMA-templates.rst',
    remedy: REREAD,
  },
  IMA_DATA: {
    title: "An entry of IMA's list has more data than the limit",
    section: 'Linux, Documentation/security/IMA-templates.rst',
    remedy: REREAD,
  },
} as const;
