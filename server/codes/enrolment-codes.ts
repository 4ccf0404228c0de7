import { type CodeEntry, entry } from './entry.ts';

/** Who may become a host, and in whose place. */
export const ENROLMENT_CODES = {
  HOST_NAME_TAKEN: entry(
    409,
    'Another host has this name',
    'DESIGN 4, Enrol 4',
    'Choose another name.',
    'host-administrator',
  ),
  EK_ALREADY_BOUND: entry(
    409,
    'This TPM already belongs to another host',
    'DESIGN 4, Enrol 4',
    'Enrol under the name that the TPM has. If two machines show one TPM, one of them relays or copies it.',
  ),
  AK_ALREADY_BOUND: entry(
    409,
    'This AK already belongs to another host',
    'DESIGN 4, Enrol 4',
    'Make a new AK and enrol again.',
  ),
  REPLACEMENT_QUEUED: entry(
    409,
    'A host of this name has another TPM; the old identity stays',
    'DESIGN 4, Enrol 4',
    'An approver decides: `touchstone host replacements`. If approved, enrol again.',
    'approver',
  ),
  REENROLMENT_QUEUED: entry(
    409,
    'This TPM is known with another AK; the old identity stays',
    'DESIGN 4, Enrol 4',
    'If the TPM was cleared on purpose, an approver says so: `touchstone host replacements`. Then enrol again.',
    'approver',
  ),
  REPLACEMENT_REJECTED: entry(
    403,
    'This identity was offered before for this host, and rejected',
    'DESIGN 4, Enrol 4',
    'Ask who rejected it. Another attempt takes a new AK.',
    'approver',
  ),
  REPLACEMENTS_FULL: entry(
    409,
    'Too many identities wait in the place of this host; this one was not queued',
    'DESIGN 4, Enrol 4',
    'Reject those that are not yours (`touchstone host replacements`), then enrol again.',
    'approver',
  ),
  REPLACEMENT_UNKNOWN: entry(
    404,
    'No such replacement',
    'DESIGN 4, Enrol 4',
    'List them: `touchstone host replacements`.',
    'approver',
  ),
  REPLACEMENT_DECIDED: entry(
    409,
    'Somebody has decided about this replacement already',
    'DESIGN 4, Enrol 4',
    'Nothing to do. If it was wrongly rejected, the host enrols again with a new AK.',
    'approver',
  ),
  CERTIFICATE_DIFFERS: entry(
    409,
    'The certificate is for this AK, but for another TPM or class than is recorded',
    'DESIGN 4, Enrol 5',
    "Find out who changed the CA's ekRef secret or its roots; if nobody did, take it for robbed.",
  ),
  CERTIFICATE_OLDER: entry(
    409,
    'The certificate is not newer than the recorded one',
    'DESIGN 4, Enrol 5',
    'Renew again at the CA and send what it answers.',
    'agent',
  ),
  JOIN_TOKEN_UNKNOWN: entry(
    403,
    'No such join token',
    'DESIGN 4, Enrol 4',
    'Have an operator make a new join token, and hand it over whole.',
  ),
  JOIN_TOKEN_USED: entry(
    403,
    'The join token has no use left',
    'DESIGN 4, Enrol 4',
    'Have an operator make a new join token.',
  ),
  JOIN_TOKEN_EXPIRED: entry(
    403,
    'The join token has expired or was revoked',
    'DESIGN 4, Enrol 4',
    'Have an operator make a new join token.',
  ),
  JOIN_TOKEN_OTHER_HOST: entry(
    403,
    'The join token is for a host of another name',
    'DESIGN 4, Enrol 4',
    'Enrol under the name that it was made for, or have an operator make one for this host.',
  ),
  CLASS_NOT_ADMITTED: entry(
    403,
    "The join token does not admit the class of this host's TPM",
    'DESIGN 4, Enrol 4; DESIGN 5',
    'Have an operator make a join token whose classes name it.',
  ),
} as const satisfies Record<string, CodeEntry>;
