import type { Reason } from './reason.ts';

const AGAIN = 'Let the agent attest again. If it happens again, look at the agent and its version.';
const REENROL = 'Enrol the host again: touchstone-agent enroll.';

/** Why evidence is not authentic. Such evidence is rejected and changes no host's state. */
export const EVIDENCE_REASONS = {
  EVIDENCE_MALFORMED: {
    title: 'The evidence is not in the form that this version reads',
    section: 'RFC 9334, 8.1',
    remedy: AGAIN,
    actor: 'agent',
  },
  STATEMENT_MALFORMED: {
    title: 'The statement is not strict JSON of the known shape',
    section: 'RFC 7493, 2',
    remedy: AGAIN,
    actor: 'agent',
  },
  QUOTE_MALFORMED: {
    title: "The quote or its signature does not follow the TPM's format",
    section: 'TCG Part 2, 10.12.12 and 11.3.4',
    remedy: AGAIN,
    actor: 'agent',
  },
  TRUNCATED: {
    title: 'A TPM structure ends too early',
    section: 'TCG Part 2, 10.12.12 and 11.3.4',
    remedy: AGAIN,
    actor: 'agent',
  },
  TRAILING_BYTES: {
    title: 'Bytes follow the end of a TPM structure',
    section: 'TCG Part 2, 10.12.12 and 11.3.4',
    remedy: AGAIN,
    actor: 'agent',
  },
  NOT_TPM_GENERATED: {
    title: 'The signed structure was not made by a TPM',
    section: 'TCG Part 2, 6.2 TPM_GENERATED',
    remedy: 'Somebody signed bytes of their own. Find out who before this host is trusted again.',
    actor: 'operator',
  },
  NOT_A_QUOTE: {
    title: 'The TPM attested something else than PCR values',
    section: 'TCG Part 2, 10.12.12',
    remedy:
      'Somebody presented another attestation as a quote. Look at this host before trusting it.',
    actor: 'operator',
  },
  WRONG_PURPOSE: {
    title: 'The statement was made for another purpose',
    section: 'Evidence for one purpose never serves another',
    remedy: AGAIN,
    actor: 'agent',
  },
  HOST_ID_MISMATCH: {
    title: 'The statement names another host',
    section: 'RFC 9334, 9 (binding evidence to its attester)',
    remedy: REENROL,
    actor: 'host-administrator',
  },
  AK_NAME_MISMATCH: {
    title: "The statement names another attestation key than the host's",
    section: 'TCG Part 1, 16 Names',
    remedy: REENROL,
    actor: 'host-administrator',
  },
  AK_NOT_CHILD_OF_EK: {
    title: 'The attestation key does not lie under the TPM key that was checked at enrolment',
    section: 'TCG Part 1, 26.5 Qualified Names',
    remedy: REENROL,
    actor: 'host-administrator',
  },
  SIG_ALG_MISMATCH: {
    title: "The signature's scheme or hash is not that of the attestation key",
    section: 'TCG Part 2, 11.3.4',
    remedy: AGAIN,
    actor: 'agent',
  },
  SIG_HASH_WEAK: {
    title: 'The signature uses a hash that is not accepted',
    section: 'TCG Part 2, 11.3.4',
    remedy: REENROL,
    actor: 'host-administrator',
  },
  SIG_KEY_INVALID: {
    title: 'The attestation key is no usable public key',
    section: 'TCG Part 2, 12.2.4',
    remedy: REENROL,
    actor: 'host-administrator',
  },
  SIGNATURE_INVALID: {
    title: 'The signature on the quote does not verify',
    section: 'TCG Part 2, 11.3.4',
    remedy: AGAIN,
    actor: 'agent',
  },
  QUOTE_NONCE_MISMATCH: {
    title: 'The quote does not answer this challenge with this statement',
    section: 'RFC 9334, 10.2 Nonces',
    remedy: AGAIN,
    actor: 'agent',
  },
  BUNDLE_EPOCH_OLD: {
    title: 'The agent knows an older set of trusted keys than is asked for',
    section: 'Trust bundle',
    remedy: 'Let the agent fetch the trust bundle.',
    actor: 'agent',
  },
  SELECTION_EMPTY: {
    title: 'No PCR was selected, so the quote proves nothing',
    section: 'TCG Part 3, 18.4; CVE-2022-0317',
    remedy: AGAIN,
    actor: 'agent',
  },
  SELECTION_MISMATCH: {
    title: 'Other PCRs were selected than were asked for',
    section: 'TCG Part 2, 10.9.7; CVE-2024-29039',
    remedy: AGAIN,
    actor: 'agent',
  },
  SELECTION_INCOMPLETE: {
    title: 'A PCR that was asked for is missing',
    section: 'TCG Part 2, 10.9.7',
    remedy: AGAIN,
    actor: 'agent',
  },
  UNCOVERED_PCR: {
    title: 'A PCR value was sent that the quote does not cover',
    section: 'TCG Part 3, 18.4; CVE-2022-0317',
    remedy: AGAIN,
    actor: 'agent',
  },
  PCR_DIGEST_MISMATCH: {
    title: 'The PCR values sent are not those that the TPM signed',
    section: 'TCG Part 3, 18.4',
    remedy: AGAIN,
    actor: 'agent',
  },
  LOG_BLOB_MISSING: {
    title: 'A log that the statement names was not sent',
    section: 'Statement, logs',
    remedy: AGAIN,
    actor: 'agent',
  },
  LOG_BLOB_MISMATCH: {
    title: 'A log is not the one that the statement names',
    section: 'Statement, logs',
    remedy: AGAIN,
    actor: 'agent',
  },
  LOG_BLOB_UNREFERENCED: {
    title: 'Bytes were sent that the statement does not name',
    section: 'Statement, logs',
    remedy: AGAIN,
    actor: 'agent',
  },
} as const satisfies Record<string, Reason>;
