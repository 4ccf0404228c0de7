import type { Reason } from '@touchstone/appraisal';

/** What was not given and so was not looked at. None of it speaks against the quote. */
export const QUOTE_REASONS = {
  NONCE_NOT_CHECKED: {
    title: 'No nonce was given, so the quote may be an old one',
    section: 'RFC 9334, 10.2 Nonces',
    remedy: 'Give the nonce that the quote answers: --nonce HEX.',
    actor: 'operator',
  },
  PCRS_NOT_CHECKED: {
    title: 'No PCR values were given, so what was quoted is known as a digest alone',
    section: 'TCG Part 3, 18.4',
    remedy: 'Give the values that came with the quote: --pcrs FILE.',
    actor: 'operator',
  },
  AK_ATTRIBUTES_NOT_CHECKED: {
    title: 'The key came without its public area: whoever has it may sign what no TPM made',
    section: 'TCG Part 2, 8.3 TPMA_OBJECT, restricted',
    remedy: 'Give the TPM2B_PUBLIC or TPMT_PUBLIC of the attestation key: --ak FILE.',
    actor: 'operator',
  },
} as const satisfies Record<string, Reason>;

/** Of files that are not what they were given for, beside the codes of TPM structures. */
export const FILE_REASONS = {
  PEM_MALFORMED: {
    title: 'The PEM file holds no public key and no certificate',
    remedy: 'Give the public key of the attestation key, and never a private one.',
  },
  PCRS_MALFORMED: {
    title: 'The PCR values are not in the form that evidence has them',
    remedy: 'Write them as {"sha256": {"0": "<64 hex digits>"}}.',
  },
} as const;
