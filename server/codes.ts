import { type Actor, type Finding, type FindingEffect } from '@touchstone/schemas';
import { AppError, type AppErrorOptions } from '@touchstone/transport';

/** What people read about one code of this room. `status`: HTTP's, where the code answers a request. */
export type CodeEntry = {
  readonly title: string;
  readonly section: string;
  readonly remedy: string;
  readonly actor: Actor;
  readonly status: number;
};

const entry = (
  status: number,
  title: string,
  section: string,
  remedy: string,
  actor: Actor = 'operator',
): CodeEntry => ({ title, section, remedy, actor, status });

/** Every code of the verifier's own. Those about evidence itself are the appraisal's and endorsement's. */
export const SERVER_CODES = {
  CLOCK_OFF: entry(
    503,
    'The server does not know what time it is',
    'DESIGN 4, Attest',
    "Bring this machine's clock within 2 s of the database's, and check that the database answers.",
  ),
  ISSUERS_UNKNOWN: entry(
    503,
    'The server has no list of issuers from its CA yet',
    'DESIGN 3',
    "Check that the CA runs and that the server's pin is the CA's key.",
  ),
  DATABASE_UNAVAILABLE: entry(
    503,
    'The database does not answer',
    'DESIGN 6',
    'Check that PostgreSQL runs and that the server may connect.',
  ),
  SCHEMA_MISMATCH_DATABASE: entry(
    503,
    'The database has another schema than this server knows',
    'STYLE, HTTP and SQL',
    'Run `migrate` with the newest server, and start no older one beside it.',
  ),

  CHALLENGE_MALFORMED: entry(
    422,
    'The challenge was not made by this deployment',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_KEY_UNKNOWN: entry(
    422,
    'The challenge was made under a key that is not live',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_WRONG_HOST: entry(
    422,
    'The challenge was made for another AK',
    'DESIGN 4, Attest',
    'Take a challenge for the AK that answers it. If the agent did, somebody relays challenges.',
    'agent',
  ),
  CHALLENGE_INVALID: entry(
    422,
    'The challenge was altered, or made by another deployment',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_WRONG_PURPOSE: entry(
    422,
    'The challenge was made for another purpose',
    'DESIGN 4, Attest',
    'Take a challenge of the purpose that it answers.',
    'agent',
  ),
  CHALLENGE_EXPIRED: entry(
    422,
    'The challenge is too old',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_FROM_FUTURE: entry(
    422,
    'The challenge was made later than now',
    'DESIGN 4, Attest',
    "Bring the replicas' clocks together; then take a new challenge.",
  ),

  EVIDENCE_SUPERSEDED: entry(
    409,
    'Newer evidence of this host is known already',
    'DESIGN 4, Attest: single use',
    'Start over with a new challenge and a new quote.',
    'agent',
  ),
  EVIDENCE_REJECTED: entry(
    422,
    'The evidence is not authentic',
    'DESIGN 4, Attest',
    'Read the findings.',
    'host-administrator',
  ),
  TPM_ROLLED_BACK: entry(
    409,
    "The TPM's reset count fell: its state was rolled back, or two TPMs share one key",
    'DESIGN 4, Attest: single use; TCG Part 1, 36.6',
    'Find out who restored the TPM. Revoke the host if nobody can say.',
    'host-administrator',
  ),
  HOST_UNKNOWN: entry(
    404,
    'No such host',
    'DESIGN 4, Enrol',
    'List the hosts; a host that never enrolled has to enrol first.',
    'host-administrator',
  ),
  STATE_UNTRUSTED_UNTIL_REBOOT: entry(
    403,
    'The host was in a bad state in this boot; what it loaded then may still run',
    'DESIGN 3',
    'Reboot the host into an approved state, or have an approver approve it as it is.',
    'host-administrator',
  ),

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
    'An operator decides about the replacement.',
    'approver',
  ),
  REENROLMENT_QUEUED: entry(
    409,
    'This TPM is known with another AK; the old identity stays',
    'DESIGN 4, Enrol 4',
    'If the TPM was cleared on purpose, an operator decides about the new AK.',
    'approver',
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
  CLASS_NOT_ADMITTED: entry(
    403,
    "The join token does not admit the class of this host's TPM",
    'DESIGN 4, Enrol 4; DESIGN 5',
    'Have an operator make a join token whose classes name it.',
  ),

  HOST_NOT_TRUSTED: entry(
    403,
    'The host is not trusted',
    'DESIGN 4, Start a VM',
    'Read the other findings and `touchstone host explain`.',
    'host-administrator',
  ),
  HOST_PENDING: entry(
    403,
    'Nobody has approved the host yet',
    'DESIGN 3',
    'Compare its AK Name on the machine, then `touchstone host approve`.',
    'approver',
  ),
  HOST_REVOKED: entry(403, 'The host was revoked', 'DESIGN 3', 'Nothing brings it back.', 'nobody'),
  HOST_STALE: entry(
    403,
    'The host has given no authentic evidence for three intervals',
    'DESIGN 3',
    'Look whether the agent runs and reaches the server: `touchstone-agent doctor`.',
    'host-administrator',
  ),
  VM_UNKNOWN: entry(
    404,
    'No VM of this uuid is registered',
    'DESIGN 4, Start a VM',
    'Register it: `touchstone vm add`.',
  ),
  CLASS_NOT_ACCEPTED: entry(
    403,
    "The VM does not accept the class of the host's TPM",
    'DESIGN 5',
    "Start it on a host of an accepted class, or change the VM's record.",
  ),
  HOST_LABELS_MISMATCH: entry(
    403,
    'The host lacks labels that the VM asks for',
    'DESIGN 4, Start a VM',
    'Start it on a host with those labels.',
  ),
  IMAGE_NOT_GOLDEN: entry(
    403,
    "An image is not among the VM's golden images",
    'DESIGN 4, Start a VM',
    "Restore the image, or list its digest in the VM's record.",
  ),
  REQUEST_ALREADY_ANSWERED: entry(
    409,
    'This request was answered before, to other evidence',
    'DESIGN 4, Start a VM 3',
    'Ask again with a new request id.',
    'agent',
  ),
  PERMIT_PURPOSE_MISSING: entry(
    422,
    'The evidence was not made to ask for a permit',
    'DESIGN 4, Start a VM',
    'Quote with purpose permit.',
    'agent',
  ),

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
    'Look at what will be captured; if it is as it should be, capture with `acceptUnverified`.',
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
  VM_EXISTS: entry(
    409,
    'A VM of this uuid or name is registered otherwise',
    'DESIGN 4, Start a VM',
    'Compare with `touchstone vm show`.',
  ),
  TOKEN_UNKNOWN: entry(404, 'No such token', 'DESIGN 4', 'List the tokens.'),
  TOKEN_ROLES_EXCEEDED: entry(
    403,
    'Nobody can hand out a role that they do not hold',
    'DESIGN 6',
    'Leave the role out, or ask somebody who holds it.',
  ),
  ID_MALFORMED: entry(
    400,
    'The id in the path is none',
    'DESIGN 8',
    'Give the id as it is listed.',
  ),
  FIRST_TOKEN_EXISTS: entry(
    409,
    "The operator's first token was made before",
    'DESIGN 8',
    'Use it, or have its holder make another.',
  ),
} as const satisfies Record<string, CodeEntry>;

export type ServerCode = keyof typeof SERVER_CODES;

/** An operation of the server's that failed, with its code's own title, status and remedy. */
export function refusal(code: ServerCode, options: AppErrorOptions = {}): AppError {
  const { status, title, remedy } = SERVER_CODES[code];
  return new AppError(code, status, { title, remedy, ...options });
}

type FindingDetail = {
  readonly subject?: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly effect?: FindingEffect;
};

/** A finding of the server's own: about a host's state, a VM's record or a request. */
export function serverFinding(code: ServerCode, detail: FindingDetail = {}): Finding {
  const { title, remedy, actor } = SERVER_CODES[code];
  return {
    code,
    effect: detail.effect ?? 'enforce',
    subject: detail.subject ?? title,
    ...(detail.expected === undefined ? {} : { expected: bounded(detail.expected) }),
    ...(detail.actual === undefined ? {} : { actual: bounded(detail.actual) }),
    remedy,
    actor,
  };
}

const bounded = (text: string): string => text.slice(0, 2_048);
