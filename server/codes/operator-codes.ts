import { type CodeEntry, entry } from './entry.ts';

/** Calls of operators. */
export const OPERATOR_CODES = {
  UNAUTHENTICATED: entry(
    401,
    'No valid bearer token',
    'RFC 6750, 3.1',
    '`touchstone login` with a token that has neither expired nor been revoked.',
  ),
  ROLE_MISSING: entry(
    403,
    'The token does not have the role that this call needs',
    'DESIGN 4',
    'Ask somebody who has the role, or for a token that has it.',
  ),
  AK_NAME_CHANGED: entry(
    409,
    'The host has another AK Name than the one that was to be approved',
    'DESIGN 4, Enrol 4',
    'Read the AK Name on the machine again and compare it with what `touchstone host show` says.',
    'approver',
  ),
  CLASS_NOT_APPROVED: entry(
    409,
    "The approval does not name the class of the host's TPM",
    'DESIGN 5',
    'Approve with the class that the host has, if that class is good enough.',
    'approver',
  ),
  HOST_NOT_VERIFIED: entry(
    409,
    'The host is not trusted, so what it measured may not be golden',
    'DESIGN 5, Baselines',
    'Look at what will be captured; if it is as it should be, capture with --accept-unverified.',
  ),
  BASELINE_VERSION_EXISTS: entry(
    409,
    'Another document has this name, part and version',
    'DESIGN 5, Baselines: immutable once drafted',
    'Raise the version.',
  ),
  BASELINE_NO_DRAFT: entry(
    404,
    'There is no such draft to approve',
    'DESIGN 5, Baselines',
    'List the baselines and their states.',
    'approver',
  ),
  BASELINE_NOT_IN_USE: entry(
    404,
    'There is no active or drafted baseline of this name',
    'DESIGN 5, Baselines',
    'List the baselines and their states: `touchstone baseline list`.',
    'approver',
  ),
  LABELS_TOO_MANY: entry(
    422,
    'A host has 32 labels at most',
    'DESIGN 4, Enrol 4',
    'Take away labels that no baseline and no VM asks for.',
    'approver',
  ),
  VM_EXISTS: entry(
    409,
    'A VM of this uuid or name is registered otherwise',
    'DESIGN 4, Start a VM',
    'Compare with `touchstone vm show`.',
  ),
  TOKEN_UNKNOWN: entry(404, 'No such token', 'DESIGN 4', 'List the tokens.'),
  TOKEN_ROLES_EXCEEDED: entry(
    403,
    'Nobody can hand out, or take away, a role that they do not hold',
    'DESIGN 6',
    'Leave the role out, or ask somebody who holds it.',
  ),
  ID_MALFORMED: entry(
    400,
    'The id in the path is none',
    'DESIGN 8',
    'Give the id as it is listed.',
  ),
  CURSOR_MALFORMED: entry(
    400,
    'The cursor is none of this list',
    'DESIGN 8',
    'Give back `nextCursor` as it came, to the list that gave it; or begin again without.',
  ),
  ALERT_UNKNOWN: entry(
    404,
    'No such alert',
    'DESIGN 8',
    'List them: `touchstone alert list --all`.',
  ),
  ALERT_CHANGED: entry(
    409,
    'It has happened again since you looked',
    'DESIGN 8',
    'Look at it again, then acknowledge what you have seen.',
  ),
  RETENTION_BUSY: entry(
    503,
    'What has had its time is in use just now; nothing is lost, and what went is in the audit log',
    'DESIGN 6',
    'Run it again in a while; the server does so by itself.',
  ),
  FIRST_TOKEN_EXISTS: entry(
    409,
    "The operator's first token was made before",
    'DESIGN 8',
    'Use it, or have its holder make another.',
  ),
} as const satisfies Record<string, CodeEntry>;
