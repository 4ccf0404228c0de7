type CodeEntry = {
  readonly title: string;
  /** The specification that the code holds to, with its section. */
  readonly section: string;
  readonly remedy: string;
};

const REREAD = 'Read the structure from the TPM again, whole and unchanged.';
const SUPPORTED =
  'Use a key of a supported kind: RSA-2048 and up, or ECC on P-256, P-384 or P-521.';

/** Every code of this room: of ParseError, and of verifyTpmSignature. */
export const TPM_CODES = {
  TRUNCATED: {
    title: 'A structure ends before its own lengths say',
    section: 'TPM 2.0 Part 2, 10.4',
    remedy: REREAD,
  },
  TRAILING_BYTES: {
    title: 'A structure has bytes left over',
    section: 'TPM 2.0 Part 2, 10.4',
    remedy: REREAD,
  },
  BAD_MAGIC: {
    title: 'The attestation was not made by a TPM',
    section: 'TPM 2.0 Part 2, 6.2',
    remedy: 'Send what TPM2_Quote gave; if the host did, treat it as hostile.',
  },
  NOT_A_QUOTE: {
    title: 'The attestation is of another type than a quote',
    section: 'TPM 2.0 Part 2, 6.9',
    remedy: 'Send what TPM2_Quote gave; if the host did, treat it as hostile.',
  },
  NOT_A_CERTIFY: {
    title: 'The attestation is of another type than the certification of an object',
    section: 'TPM 2.0 Part 2, 6.9',
    remedy: 'Send what TPM2_Certify gave; if the host did, treat it as hostile.',
  },
  UNKNOWN_TAG: {
    title: 'A structure has a type that does not exist',
    section: 'TPM 2.0 Part 2, 6.9',
    remedy: REREAD,
  },
  UNKNOWN_ALGORITHM: {
    title: 'An algorithm identifier is not known',
    section: 'TCG Algorithm Registry, table 3',
    remedy: REREAD,
  },
  UNSUPPORTED_ALGORITHM: {
    title: 'An algorithm is known and not supported here',
    section: 'TCG Algorithm Registry, table 3',
    remedy: SUPPORTED,
  },
  UNSUPPORTED_CURVE: {
    title: 'A key lies on a curve that is not supported',
    section: 'TCG Algorithm Registry, table 4',
    remedy: SUPPORTED,
  },
  UNSUPPORTED_EXPONENT: {
    title: 'An RSA key has another public exponent than 65537',
    section: 'TPM 2.0 Part 2, 12.2.3.5',
    remedy: SUPPORTED,
  },
  UNSUITABLE_KEY: {
    title: 'A credential cannot be made for this key: it is no storage key, or too weak',
    section: 'TPM 2.0 Part 1, 24',
    remedy: 'Offer an endorsement key made from a template of the TCG EK Credential Profile.',
  },
  BAD_SIZE: {
    title: 'A field has a length that it cannot have',
    section: 'TPM 2.0 Part 2, 10.4',
    remedy: REREAD,
  },
  BAD_KEY_BITS: {
    title: 'A key has a size that its algorithm does not have',
    section: 'TPM 2.0 Part 2, 11.1 and 11.2',
    remedy: SUPPORTED,
  },
  BAD_MODULUS: {
    title: 'A public area holds no RSA modulus of the size it states',
    section: 'TPM 2.0 Part 2, 11.2.4.5',
    remedy: REREAD,
  },
  POINT_NOT_ON_CURVE: {
    title: 'A public area holds no point of its curve',
    section: 'TPM 2.0 Part 2, 11.2.5.2',
    remedy: REREAD,
  },
  BAD_NAME: {
    title: 'What should be the Name of a key is none',
    section: 'TPM 2.0 Part 1, 16',
    remedy: REREAD,
  },
  BAD_YES_NO: {
    title: 'A yes or no is neither',
    section: 'TPM 2.0 Part 2, 9.2',
    remedy: REREAD,
  },
  RESERVED_BITS: {
    title: 'A reserved attribute of a key is set',
    section: 'TPM 2.0 Part 2, 8.3',
    remedy: REREAD,
  },
  TOO_MANY: {
    title: 'A list is longer than any TPM makes it',
    section: 'TPM 2.0 Part 2, 10.9.7',
    remedy: REREAD,
  },
  DUPLICATE_BANK: {
    title: 'A PCR selection has one bank twice',
    section: 'TPM 2.0 Part 2, 10.9.7',
    remedy: 'Select each bank once.',
  },
  PCR_VALUE_MISSING: {
    title: 'A selected PCR has no value',
    section: 'TPM 2.0 Part 1, 17.5',
    remedy: 'Send a value for each PCR of the selection.',
  },
  SIG_ALG_MISMATCH: {
    title: 'A signature is in another scheme or hash than its key is for',
    section: 'TPM 2.0 Part 2, 11.3.4',
    remedy: 'Sign with the scheme of the key; if the host did not, treat it as hostile.',
  },
  SIG_HASH_WEAK: {
    title: 'A signature is over a hash that is not strong enough',
    section: 'NIST SP 800-131A, 9',
    remedy: 'Make the key for SHA-256 or stronger.',
  },
  SIG_KEY_INVALID: {
    title: 'A signature cannot be verified: its public area holds no usable key',
    section: 'TPM 2.0 Part 2, 12.2.4',
    remedy: REREAD,
  },
  SIGNATURE_INVALID: {
    title: 'A signature is not by this key over these bytes',
    section: 'TPM 2.0 Part 2, 11.3',
    remedy: 'Send the quote as it was signed; if the host did, treat it as hostile.',
  },
} as const satisfies Record<string, CodeEntry>;

export type TpmCode = keyof typeof TPM_CODES;
