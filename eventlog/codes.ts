import { IMA_CODES } from './ima/ima-codes.ts';

type CodeEntry = {
  readonly title: string;
  /** The specification that the code holds to, with its section. */
  readonly section: string;
  readonly remedy: string;
};

const REREAD = 'Send the log again, whole and unchanged, as the system exports it.';
const FIRMWARE =
  'Report the log to whoever makes the firmware; until then the host cannot be trusted.';
const IMAGE =
  'Take the file anew, whole and unchanged, from the package that it came in; firmware would not load it.';

/**
 * Every code of this room: of ParseError (with TRUNCATED and TRAILING_BYTES of tpm), of replay, and of an
 * event whose data is not to be believed.
 */
export const EVENTLOG_CODES = {
  ...IMA_CODES,
  LOG_EMPTY: {
    title: 'The event log has no bytes',
    section: 'TCG PC Client PFP, 10.2',
    remedy:
      'Boot by a loader that hands the log on (with GRUB: linuxefi, or Secure Boot on), then attest again.',
  },
  LOG_TOO_LARGE: {
    title: 'The event log is larger than the limit',
    section: 'TCG PC Client PFP, 10.2',
    remedy: REREAD,
  },
  LOG_TOO_MANY_EVENTS: {
    title: 'The event log has more events than the limit',
    section: 'TCG PC Client PFP, 10.2',
    remedy: REREAD,
  },
  LOG_OF_CC_REGISTERS: {
    title: "The event log is of a confidential VM's measurement registers, and of no PCR",
    section: 'UEFI 2.10, 38.4.1',
    remedy: 'Send the log of the TPM; on Linux it is the one that securityfs shows.',
  },
  LOG_FORMAT_UNKNOWN: {
    title: 'The bytes do not begin as a TPM event log does',
    section: 'TCG PC Client PFP, 10.4.5.1',
    remedy: REREAD,
  },
  SPEC_ID_VERSION: {
    title: 'The log is of a version of the specification that is not known here',
    section: 'TCG PC Client PFP, 10.4.5.1',
    remedy: FIRMWARE,
  },
  SPEC_ID_ALGORITHMS: {
    title: 'The log declares no digest algorithm that is known here, too many, or one twice',
    section: 'TCG PC Client PFP, 10.4.5.1',
    remedy: FIRMWARE,
  },
  SPEC_ID_DIGEST_SIZE: {
    title: 'The log declares a digest size that its algorithm does not have',
    section: 'TCG PC Client PFP, 10.4.5.1',
    remedy: FIRMWARE,
  },
  PCR_INDEX: {
    title: 'An event names a PCR that does not exist',
    section: 'TCG PC Client PFP, 10.2.2',
    remedy: FIRMWARE,
  },
  CC_REGISTER_INDEX: {
    title: 'An event names a measurement register that does not exist',
    section: 'UEFI 2.10, 38.2.3',
    remedy: FIRMWARE,
  },
  DIGEST_COUNT: {
    title: 'An event has more digests than the log declares algorithms',
    section: 'TCG PC Client PFP, 10.2.2',
    remedy: REREAD,
  },
  DIGEST_UNDECLARED: {
    title: 'An event has a digest of an algorithm that the log does not declare',
    section: 'TCG PC Client PFP, 10.4.5.1',
    remedy: FIRMWARE,
  },
  DIGEST_DUPLICATE: {
    title: 'An event has two digests of one algorithm',
    section: 'TCG PC Client PFP, 10.2.2',
    remedy: FIRMWARE,
  },
  STARTUP_LOCALITY: {
    title: 'The startup locality is misplaced, repeated, contradicted or not 0, 3 or 4',
    section: 'TCG PC Client PFP, 10.4.5.3',
    remedy: FIRMWARE,
  },
  EVENT_DATA_MISMATCH: {
    title: "An event's data is not what its digest is of, though its type says so",
    section: 'TCG PC Client PFP, 10.4.1',
    remedy: 'Believe nothing of what the event says; find out who changed the log.',
  },
  VARIABLE_LENGTH: {
    title: 'A variable says that it is longer than anything can be',
    section: 'TCG PC Client PFP, 10.2.6',
    remedy: FIRMWARE,
  },
  SIGNATURE_LIST_SIZE: {
    title: 'A list of signatures has sizes that contradict each other or its type',
    section: 'UEFI 2.10, 32.4.1',
    remedy: FIRMWARE,
  },
  TOO_MANY_SIGNATURES: {
    title: 'A variable holds more signatures than the limit',
    section: 'UEFI 2.10, 32.4.1',
    remedy: FIRMWARE,
  },
  DEVICE_PATH_NODE: {
    title: 'A node of a device path has a length or an end that is none',
    section: 'UEFI 2.10, 10.2',
    remedy: FIRMWARE,
  },
  DEVICE_PATH_NODES: {
    title: 'A device path has more nodes than the limit',
    section: 'UEFI 2.10, 10.2',
    remedy: FIRMWARE,
  },
  LOAD_OPTION_PATHS: {
    title: 'A boot option has more device paths than the limit',
    section: 'UEFI 2.10, 3.1.3',
    remedy: FIRMWARE,
  },
  GPT_SIGNATURE: {
    title: 'A partition table does not begin as one',
    section: 'UEFI 2.10, 5.3.2',
    remedy: FIRMWARE,
  },
  GPT_ENTRY_SIZE: {
    title: 'A partition table has entries of a size that none has',
    section: 'UEFI 2.10, 5.3.2',
    remedy: FIRMWARE,
  },
  GPT_ENTRIES: {
    title: 'A partition table has more entries than the limit',
    section: 'TCG PC Client PFP, 10.2.5',
    remedy: FIRMWARE,
  },
  HANDOFF_TABLES: {
    title: 'An event names more tables than the limit',
    section: 'TCG PC Client PFP, 10.2.3',
    remedy: FIRMWARE,
  },
  SIPA_DEPTH: {
    title: 'Events of Windows are nested deeper than the limit',
    section: 'Windows SDK, wbcl.h',
    remedy: REREAD,
  },
  SIPA_EVENTS: {
    title: 'An event of Windows holds more events than the limit',
    section: 'Windows SDK, wbcl.h',
    remedy: REREAD,
  },
  CEL_FORMAT: {
    title: 'The bytes do not begin as a canonical event log does',
    section: 'TCG CEL 1.0, 5',
    remedy: REREAD,
  },
  CEL_RECORD: {
    title: 'A record of a canonical event log is not as the format has it',
    section: 'TCG CEL 1.0, 4.2',
    remedy: REREAD,
  },
  CEL_RECORDS: {
    title: 'A canonical event log has more records than the limit',
    section: 'TCG CEL 1.0, 4.2',
    remedy: REREAD,
  },
  CEL_REGISTER: {
    title: 'A record names a PCR or register that does not exist',
    section: 'TCG CEL 1.0, 4.2.2',
    remedy: REREAD,
  },
  CEL_DEPTH: {
    title: 'A record is nested deeper than the limit',
    section: 'TCG CEL 1.0, 4.2',
    remedy: REREAD,
  },
  SOFTWARE_EVENT: {
    title: 'An event of the software log is not one the agent writes',
    section: 'Touchstone, software log',
    remedy: 'Upgrade the agent or the server so that both are of one release, then attest again.',
  },
  PE_TOO_LARGE: {
    title: 'The file is larger than any boot image',
    section: 'Microsoft PE Format, Signature',
    remedy: IMAGE,
  },
  PE_DOS_MAGIC: {
    title: 'The file does not begin as a UEFI image does',
    section: 'Microsoft PE Format, Signature',
    remedy: IMAGE,
  },
  PE_HEADER_OFFSET: {
    title: 'The image says that its PE header is where there is none',
    section: 'Microsoft PE Format, Signature',
    remedy: IMAGE,
  },
  PE_SIGNATURE: {
    title: 'The image has no PE header where it says',
    section: 'Microsoft PE Format, Signature',
    remedy: IMAGE,
  },
  PE_MAGIC: {
    title: 'The image is neither PE32 nor PE32+',
    section: 'Microsoft PE Format, Optional Header',
    remedy: IMAGE,
  },
  PE_SIZE_OF_HEADERS: {
    title: 'The image has headers that are longer than it says, or than the file',
    section: 'Microsoft PE Format, Optional Header',
    remedy: IMAGE,
  },
  PE_SECTION_COUNT: {
    title: 'The image has no sections, or more than any has',
    section: 'Microsoft PE Format, Section Table',
    remedy: IMAGE,
  },
  PE_DIRECTORY_COUNT: {
    title: 'The image has more data directories than there are',
    section: 'Microsoft PE Format, Optional Header',
    remedy: IMAGE,
  },
  PE_SECTION_RANGE: {
    title: 'A section of the image is not within the file, or far larger in memory',
    section: 'Microsoft PE Format, Section Table',
    remedy: IMAGE,
  },
  PE_SECTION_OVERLAP: {
    title: 'Two sections of the image share bytes',
    section: 'Microsoft PE Format, Section Table',
    remedy: IMAGE,
  },
  PE_CERTIFICATE_TABLE: {
    title: "The image's signatures are not the end of the file",
    section: 'Microsoft PE Format, The Attribute Certificate Table',
    remedy: IMAGE,
  },
  PE_SBAT: {
    title: "The image's SBAT section is not what the format says",
    section: 'shim, SBAT.md',
    remedy: IMAGE,
  },
} as const satisfies Record<string, CodeEntry>;

export type EventLogCode = keyof typeof EVENTLOG_CODES;
