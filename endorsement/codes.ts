/** What a person reads about one code of this room. */
export type CodeEntry = {
  readonly title: string;
  /** The specification that the code holds to, with its section. */
  readonly section: string;
  readonly remedy: string;
};

/**
 * Every code of this room: of ParseError (bytes that are no certificate) and of Problem (a certificate or
 * key that is well formed and not good enough). API, CLI, page and documents read this table. TRUNCATED
 * and TRAILING_BYTES mean what they do in the table of `tpm`.
 */
export const ENDORSEMENT_CODES = {
  BAD_DER: {
    title: 'The certificate is not DER',
    section: 'X.690, 10 and 11',
    remedy:
      'Read the certificate from the TPM again; if it stays so, ask its maker for a replacement.',
  },
  TOO_LARGE: {
    title: 'The certificate is longer than any real one',
    section: 'RFC 5280, 4.1',
    remedy: 'Send one certificate, in DER, of at most 16 KiB.',
  },
  BAD_CERTIFICATE: {
    title: 'A field of the certificate has a value that X.509 does not know',
    section: 'RFC 5280, 4.1 and 4.2',
    remedy: 'Ask the maker of the certificate for a replacement.',
  },
  DUPLICATE_EXTENSION: {
    title: 'The certificate has one extension twice',
    section: 'RFC 5280, 4.2',
    remedy: 'Ask the maker of the certificate for a replacement.',
  },
  SIGNATURE_ALGORITHM_MISMATCH: {
    title: 'The certificate names two signature algorithms',
    section: 'RFC 5280, 4.1.1.2',
    remedy: 'Ask the maker of the certificate for a replacement.',
  },
  KEY_UNSUPPORTED: {
    title: 'The certificate holds a key of a kind that is not supported',
    section: 'RFC 5280, 4.1.2.7',
    remedy: 'Use a certificate over an RSA key or a curve that has a name.',
  },
  PEM_MALFORMED: {
    title: 'The PEM file holds no certificate, or a damaged one',
    section: 'RFC 7468, 5',
    remedy: 'Export the certificate again, as PEM or DER.',
  },
  BAD_NV_WRAPPER: {
    title: 'The certificate lies in a wrapper that contradicts itself',
    section: 'TCG PC Client Specific Implementation 1.21, 7.4.5',
    remedy: 'Read the whole NV index again.',
  },
  CERT_EXPIRED: {
    title: 'A certificate of the chain has expired',
    section: 'RFC 5280, 6.1.3 (a)(2)',
    remedy: 'Ask the maker for a certificate that is still valid, and check the clock of the CA.',
  },
  CERT_NOT_YET_VALID: {
    title: 'A certificate of the chain is not valid yet',
    section: 'RFC 5280, 6.1.3 (a)(2)',
    remedy: 'Check the clock of the CA.',
  },
  CERT_SIGNATURE_INVALID: {
    title: 'A certificate was not signed by the issuer it names',
    section: 'RFC 5280, 6.1.3 (a)(1)',
    remedy: 'Treat the certificate as forged unless the host sent the wrong intermediate.',
  },
  CERT_SIGNATURE_WEAK: {
    title: 'A certificate is signed with a hash or a key too weak to rely on',
    section: 'NIST SP 800-131A, 3 and 9',
    remedy:
      'Pin a CA certificate that is signed so as a root of its own, if it is genuine; an EK certificate that is signed so vouches for nothing.',
  },
  CERT_SIGNATURE_UNSUPPORTED: {
    title: 'A certificate is signed with an algorithm that is not supported',
    section: 'RFC 5280, 4.1.1.2',
    remedy: 'Use a chain signed with RSASSA-PKCS1-v1_5, RSASSA-PSS or ECDSA, and SHA-2 or SHA-3.',
  },
  EXT_CRITICAL: {
    title: 'A certificate of the chain demands an extension that is not understood',
    section: 'RFC 5280, 4.2 and 6.1.4 (o)',
    remedy:
      'Do not accept it: whoever issued the certificate limited it in a way we cannot honour.',
  },
  ISSUER_NOT_CA: {
    title: 'A certificate of the chain was issued by one that is no CA',
    section: 'RFC 5280, 6.1.4 (k)',
    remedy: 'Treat the certificate as forged: any holder of an ordinary certificate could make it.',
  },
  ISSUER_MAY_NOT_SIGN: {
    title: 'A certificate of the chain was issued by a key that may not sign certificates',
    section: 'RFC 5280, 6.1.4 (n)',
    remedy: 'Treat the certificate as forged unless its maker says otherwise.',
  },
  ISSUER_USAGE: {
    title: 'A CA of the chain may not issue certificates for endorsement keys',
    section: 'TCG EK Credential Profile 2.5, 3.5.16',
    remedy: 'Find the CA that its maker runs for endorsement keys.',
  },
  PATHLEN_EXCEEDED: {
    title: 'The chain is longer than one of its CAs allows',
    section: 'RFC 5280, 6.1.4 (l)',
    remedy:
      'Treat the certificate as forged: a CA below the limit was made by someone without the right.',
  },
  PATH_TOO_COMPLEX: {
    title: 'The certificates offered allow too many chains to try',
    section: 'RFC 5280, 6.1',
    remedy: 'Send only the certificates between the endorsement key and its root.',
  },
  EK_UNTRUSTED_ROOT: {
    title: 'No root that is trusted vouches for the endorsement key',
    section: 'RFC 5280, 6.1.1 (d)',
    remedy:
      "Add the TPM maker's root, send the missing intermediates, or approve the host by hand.",
  },
  EK_CERT_PROFILE: {
    title: 'The certificate is not one for an endorsement key',
    section: 'TCG EK Credential Profile 2.5, 3.2',
    remedy: 'Send the EK certificate of the TPM, from NV index 0x01C00002.',
  },
  EK_CERT_MISMATCH: {
    title: 'The endorsement key is not the one in its certificate',
    section: 'TCG EK Credential Profile 2.5, 3.2.7',
    remedy:
      'Make the EK anew from its template and enrol again; if it stays so, distrust the host.',
  },
  EK_ATTRIBUTES: {
    title: 'The endorsement key does not have the attributes and policy of its template',
    section: 'TCG EK Credential Profile 2.5, annex B',
    remedy: 'Make the EK from template L-1, L-2 or H-3 and enrol again.',
  },
  EK_ALGORITHM: {
    title: 'The endorsement key uses algorithms that are not accepted',
    section: 'TCG EK Credential Profile 2.5, annex B',
    remedy: 'Use the endorsement key of template L-1 (RSA-2048), L-2 (P-256) or H-3 (P-384).',
  },
  EK_ALGORITHM_NOT_CHOSEN: {
    title: 'Of this maker’s TPMs, endorsement keys of another algorithm are taken',
    section: 'One identity for one TPM',
    remedy:
      'The agent tries that one by itself. Where the TPM has no certificate of it, have the administrator set ' +
      '`ekAlgorithm` of its root to any.',
  },
  EK_WEAK: {
    title: 'The endorsement key is too short',
    section: 'NIST SP 800-57 Part 1, 5.6',
    remedy: 'Use an endorsement key of at least 2048 bits.',
  },
  AK_NOT_RESTRICTED: {
    title: 'The attestation key would sign anything, not only what the TPM made',
    section: 'TPM 2.0 Part 1, 27.2 (restricted)',
    remedy: 'Enrol again with the agent, which makes a restricted key.',
  },
  AK_ATTRIBUTES: {
    title: 'The attestation key does not have the attributes of an attestation key',
    section: 'TPM 2.0 Part 2, 8.3',
    remedy: 'Enrol again with the agent, which makes the key from its own template.',
  },
  AK_ALGORITHM: {
    title: 'The attestation key uses algorithms that are not accepted',
    section: 'TPM 2.0 Part 2, 12.2.3',
    remedy: 'Enrol again with an ECDSA P-256 or RSASSA 2048 key with SHA-256.',
  },
  AK_WEAK: {
    title: 'The attestation key or its hash is too weak',
    section: 'NIST SP 800-57 Part 1, 5.6',
    remedy: 'Enrol again with an ECDSA P-256 or RSASSA 2048 key with SHA-256.',
  },
  AK_CERT_PROFILE: {
    title: 'The AK certificate is not of the profile that our CA issues',
    section: 'Touchstone AK certificate profile',
    remedy:
      'Enrol again; if the CA issued this certificate, it runs another version than the verifier.',
  },
  AK_CERT_ISSUER_UNKNOWN: {
    title: 'The AK certificate was issued by nobody on the list of issuers',
    section: 'RFC 5280, 4.2.1.1',
    remedy: 'Let the agent renew its AK certificate with the CA of this deployment.',
  },
  AK_CERT_ISSUER_REFUSED: {
    title: 'The issuer of the AK certificate is no longer believed',
    section: 'RFC 5280, 4.2.1.1',
    remedy: 'Let the agent renew its AK certificate; the new issuer signs it.',
  },
  AK_CERT_ISSUER_INVALID: {
    title: "The AK certificate's issuer is on the list and may not issue now",
    section: 'RFC 5280, 6.1.3 and 6.1.4',
    remedy: 'Rotate the CA: its certificate has expired, or the list of issuers holds a wrong one.',
  },
  AK_CERT_EXPIRED: {
    title: 'The AK certificate has expired',
    section: 'RFC 5280, 4.1.2.5',
    remedy: 'Let the agent renew its AK certificate; check that it reaches the CA.',
  },
  AK_CERT_NOT_YET_VALID: {
    title: 'The AK certificate is not valid yet',
    section: 'RFC 5280, 4.1.2.5',
    remedy: 'Check the clocks of the CA and of the verifier.',
  },
  AK_CERT_SIGNATURE_INVALID: {
    title: 'The AK certificate was not signed by the issuer it names',
    section: 'RFC 5280, 4.1.1.3',
    remedy: 'Treat the certificate as forged.',
  },
  AK_CERT_REVOKED: {
    title: 'The AK certificate was revoked',
    section: 'RFC 5280, 5.3 and 6.3.3',
    remedy:
      'Nothing brings it back: the CA certifies this TPM no more. `touchstone ca audit` says who revoked it and why.',
  },
  AK_CERT_REVOCATION_UNKNOWN: {
    title: 'Nobody knows whether the AK certificate was revoked',
    section: 'RFC 5280, 6.3.3',
    remedy:
      "See that the server reaches the CA and that the CA's issuance process runs; the CA's revocation lists then come by themselves.",
  },
  AK_CERT_REVOCATION_STALE: {
    title: 'The revocation list that the AK certificate was held against is overdue',
    section: 'RFC 5280, 5.1.2.5',
    remedy:
      "See that the server reaches the CA and that the CA's issuance process runs, before the list counts no more and hosts are refused.",
  },
  AK_CERT_KEY_MISMATCH: {
    title: 'The AK certificate is for another key',
    section: 'RFC 5280, 4.1.2.7',
    remedy: 'Enrol again: key and certificate in the state directory do not belong together.',
  },
  CRL_PROFILE: {
    title: 'The revocation list is not of the form that our CA gives',
    section: 'RFC 5280, 5; Touchstone revocation list profile',
    remedy: 'Find out who answers in the place of the CA; it may also run a newer version.',
  },
  CRL_ISSUER_UNKNOWN: {
    title: 'The revocation list is of an issuer that is not believed',
    section: 'RFC 5280, 6.3.3 (f)',
    remedy: 'Find out who answers in the place of the CA.',
  },
  CRL_ISSUER_INVALID: {
    title: "The revocation list's issuer may sign none, or is not the one that it names",
    section: 'RFC 5280, 6.3.3 (f)',
    remedy: 'Treat the list as forged.',
  },
  CRL_SIGNATURE_INVALID: {
    title: 'The revocation list was not signed by the issuer it names',
    section: 'RFC 5280, 6.3.3 (g)',
    remedy: 'Treat the list as forged.',
  },
  CRL_NOT_YET_VALID: {
    title: 'The revocation list was made in the future',
    section: 'RFC 5280, 5.1.2.4',
    remedy: 'Check the clocks of the CA and of the verifier.',
  },
} as const satisfies Record<string, CodeEntry>;

/** Why an issuer is believed no more: its time was up, or somebody else may have its key. */
export type RefusalReason = 'retired' | 'compromised';

/** What to do about AK_CERT_ISSUER_REFUSED where the list of issuers says why. */
export const REFUSED_ISSUER_REMEDY: Readonly<Record<RefusalReason, string>> = {
  retired:
    "The CA's keys were changed while this host was away. Its agent gets a new certificate by itself within some " +
    'minutes of being back; if it does not: `touchstone-agent doctor` on the host.',
  compromised:
    "The CA's old key is taken for stolen, and nothing that it signed counts, whatever its date. The agent gets a " +
    'new certificate by itself; if it does not: `touchstone-agent doctor` on the host, and ' +
    '`touchstone-agent trust --fingerprint F` where that says that the anchor is unknown.',
};

export type EndorsementCode = keyof typeof ENDORSEMENT_CODES;
