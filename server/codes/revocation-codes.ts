import { type CodeEntry, entry } from './entry.ts';

const CA_REACHED =
  'See that the CA runs, with its issuance process, and that the server reaches it: the lists then come by themselves.';

/** The CA's revocation lists, as the server keeps them. */
export const REVOCATION_CODES = {
  CRLS_UNKNOWN: entry(
    503,
    'The server does not know yet whether its CA gives revocation lists',
    'RFC 5280, 6.3',
    "Check that the CA runs and that the server's pin is the CA's key.",
  ),
  CRL_OLDER: entry(
    502,
    'A revocation list is older than the one that is known, or takes revocations back',
    'RFC 5280, 5.2.3',
    'Find out whether the CA was restored from a backup. The known list stays, and counts for a while: revoke again at the CA what was revoked after that backup (`touchstone ca revoke`).',
  ),
  CRL_OTHER_PLACE: entry(
    502,
    'A revocation list is another one than was asked for',
    'RFC 5280, 6.3.3 (b)',
    'Find out who answers in the place of the CA.',
  ),
  CRL_NOT_FETCHED: entry(
    502,
    "The CA's revocation lists do not come; the last good ones count for a while",
    'RFC 5280, 6.3',
    CA_REACHED,
  ),
  CRL_STALE: entry(
    502,
    'A revocation list is overdue; from a time on that is named its hosts are refused',
    'RFC 5280, 5.1.2.5',
    `${CA_REACHED} How long an overdue list counts is \`crlGraceSeconds\` in the server's configuration.`,
  ),
} as const satisfies Record<string, CodeEntry>;
