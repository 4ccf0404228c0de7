import { type CodeEntry, entry } from './entry.ts';

/** Reminders of what ends. They answer no request: they are alerts. */
export const EXPIRY_CODES = {
  EXPIRY_BASELINE: entry(
    200,
    'A baseline ends: then its hosts are held to none, and are not trusted',
    'DESIGN 5, Baselines',
    'Draft a next version with a later `expires` and approve it (`touchstone baseline show`, `import`, `approve`).',
    'approver',
  ),
  EXPIRY_API_TOKEN: entry(
    200,
    'A bearer token ends: whoever works with it is logged out',
    'DESIGN 6',
    'Make another (`touchstone token create`), log in with it, and revoke this one.',
  ),
  EXPIRY_JOIN_TOKEN: entry(
    200,
    'A join token ends with uses left: no host enrols with it any more',
    'DESIGN 4, Enrol 4',
    'If hosts are still to come, make another (`touchstone join-token create`); else revoke it.',
  ),
  EXPIRY_TLS_CERTIFICATE: entry(
    200,
    "The server's TLS certificate ends",
    'DESIGN 3',
    'Of `touchstone up`: `touchstone keys rotate tls`. Otherwise put another over the same key in its place; for another key, see docs/deployment.md, `nextTls`.',
  ),
  EXPIRY_CA_ISSUER: entry(
    200,
    'A key of the CA ends, and with it every certificate under it',
    "DESIGN 4, Rotate the CA's keys",
    'Change the keys before that day: `touchstone ca rotate start --auto`. No host is refused for it. `docs/keys-for-one-person.md` tells it step by step.',
  ),
  EXPIRY_TRUST_BUNDLE: entry(
    200,
    'The newest trust bundle ends: agents believe nothing after it',
    'DESIGN 3',
    'The server makes the next one half a year before by itself. Its log says why it did not: look for BUNDLE_KEY_MISSING.',
  ),
  EXPIRY_AK_CERTIFICATE: entry(
    200,
    "A host attests but does not renew its AK certificate: at its end the host's evidence is refused",
    'DESIGN 4, Enrol 5',
    'On the host: `touchstone-agent doctor`. Usually it does not reach the CA, or the CA refuses its TPM.',
    'host-administrator',
  ),
} as const satisfies Record<string, CodeEntry>;

export type ExpiryCode = keyof typeof EXPIRY_CODES;
