import type { CodeEntry } from './entry.ts';

const ENROL_AGAIN = 'Enrol again: the agent asks for a new challenge.';

/** An enrolment or a renewal, and what is asked for beside it. */
export const ENROLMENT_CODES = {
  ID_MALFORMED: {
    title: 'The id in the path is none',
    section: 'RFC 9562, 4',
    remedy: 'Give the id as the CA gave it.',
  },
  BASE64URL_MALFORMED: {
    title: 'A field is not base64url',
    section: 'RFC 4648, 5 and 3.5',
    remedy: 'Send base64url without padding and with no bits set past the last byte.',
  },
  ENROLLMENTS_FULL: {
    title: 'Too many enrolments are waiting for their activation',
    section: 'Enrolment',
    remedy: 'Wait some minutes and enrol again; the administrator looks for who sends so many.',
  },
  ACTIVATION_UNKNOWN: {
    title: 'There is no such enrolment',
    section: 'Enrolment',
    remedy: ENROL_AGAIN,
  },
  ACTIVATION_WRONG: {
    title: 'The secret is not the one that the credential holds',
    section: 'TPM 2.0 Part 1, 24 (credential protection)',
    remedy:
      'Activate the credential with the AK and EK of this enrolment. Three wrong answers end it.',
  },
  ACTIVATION_ENDED: {
    title: 'This enrolment has ended: it was activated, it expired, or it was answered wrongly',
    section: 'Enrolment',
    remedy: ENROL_AGAIN,
  },
  RENEWAL_UNKNOWN: {
    title: 'No attestation key was activated under this enrolment',
    section: 'Enrolment, renewal',
    remedy: ENROL_AGAIN,
  },
  RENEWAL_DIFFERS: {
    title: 'What was recorded of this TPM does not come out as it was pinned',
    section: 'Enrolment, renewal',
    remedy:
      'Its class or its ekRef would change: find out who changed a root or the ekRef secret of the CA. A class ' +
      'that changed on purpose takes a new enrolment.',
  },
  CRL_UNKNOWN: {
    title: 'There is no such revocation list, or none of it that still counts',
    section: 'RFC 5280, 5',
    remedy: 'GET /v1/crls names all that there are.',
  },
} as const satisfies Record<string, CodeEntry>;
