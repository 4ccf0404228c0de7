/** What a person reads about one code of this room. */
type CodeEntry = {
  readonly title: string;
  /** The specification, or the part of ours, that the code holds to. */
  readonly section: string;
  readonly remedy: string;
};

const ENROL_AGAIN = 'Enrol again: the agent asks for a new challenge.';

/** Every code of this room. Those of keys, certificates and bytes are in endorsement's table and tpm's. */
export const CA_CODES = {
  EK_UNTRUSTED_ROOT: {
    title: 'No root that is trusted vouches for the endorsement key; it waits for an administrator',
    section: 'RFC 5280, 6.1.1 (d)',
    remedy:
      "If the TPM is genuine, import its maker's root certificate (`touchstone ca bundle import DIR`; " +
      '`touchstone ca bundle list` says where to get it) or pin this one EK (`touchstone ca ek waiting`), and ' +
      'enrol again. A host without such a TPM may enrol as software.',
  },
  EK_NOT_PINNED: {
    title:
      'The TPM has no certificate for its endorsement key; it waits for an administrator to pin it',
    section: 'TCG EK Credential Profile 2.5, 2.2',
    remedy:
      "Compare the EK's Name with the one that `touchstone-agent enroll` prints on the machine itself, pin it with its " +
      'class (`touchstone ca ek waiting`, then `touchstone ca ek pin`), and enrol again.',
  },
  EK_DECOMMISSIONED: {
    title:
      'This endorsement key was taken out of service; it gets no certificate until it is readmitted',
    section: 'Enrolment',
    remedy:
      'If the machine is to serve again, readmit it: `touchstone ca ek readmit EKREF --reason TEXT`.',
  },
  TPM_ROOT_MALFORMED: {
    title: 'The file holds no certificate that could be a root',
    section: 'RFC 5280, 4.1',
    remedy:
      'Give one certificate, PEM or DER, as its maker publishes it; `touchstone ca bundle import` takes directories.',
  },
  TPM_ROOT_HELD: {
    title: 'That certificate is a root already',
    section: 'Roots of TPM makers',
    remedy:
      'Nothing to do. To give it another class, remove it first: what it admitted has to enrol anew then.',
  },
  TPM_ROOT_UNKNOWN: {
    title: 'No certificate has this fingerprint',
    section: 'Roots of TPM makers',
    remedy: 'Copy the fingerprint (SHA-256) from `touchstone ca bundle list`.',
  },
  TPM_ROOT_CONFIGURED: {
    title:
      'That root is named in the configuration of the CA, and only whoever holds its machine removes it',
    section: 'Configuration of the CA (roots)',
    remedy:
      'Take it out of `roots` there (with `touchstone up`: out of `ca/tpm-roots/` of the data directory), then start the CA again.',
  },
  EK_CLAIM_MISMATCH: {
    title: 'The EK certificate names another maker of TPMs than the one that vouches for it',
    section: 'TCG EK Credential Profile 2.5, 3.2.9',
    remedy:
      'Its class is that of its root, whatever it claims. Find out where this TPM is from before the host is approved; ' +
      'if the root vouches for that maker too, add it to its `manufacturers` in the configuration of the CA.',
  },
  EK_CERT_QUIRKS: {
    title: 'The EK certificate is in a form beside its specifications that real chips have',
    section: 'TCG EK Credential Profile 2.5, 3.2',
    remedy: 'Nothing to do: it was read all the same.',
  },
  EK_CERT_EKU: {
    title: 'The EK certificate does not say that it is one',
    section: 'TCG EK Credential Profile 2.5, 3.2.16',
    remedy:
      'Its root is one whose certificates are taken all the same. To have them refused, set `eku: strict` beside that root in ' +
      'the configuration of the CA.',
  },
  EK_WEAK_KEY: {
    title:
      'The endorsement key is known to be weak: whoever has its public half can work out the other',
    section: 'CVE-2017-15361',
    remedy:
      'The host is untrusted while it has this key. Update the firmware of its TPM, have the TPM make a new endorsement key where ' +
      'its maker offers that, and enrol again; else replace it.',
  },
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
  EK_REVOKED: {
    title: 'This endorsement key was revoked; it gets no certificate any more',
    section: 'Enrolment',
    remedy: 'Nothing brings it back. Replace the TPM, or the machine.',
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
  BUNDLE_KEY_MALFORMED: {
    title: 'What is to be certified is no EC P-256 public key, or has the name of another',
    section: 'RFC 7517, 4; RFC 7638, 3',
    remedy: 'Let `touchstone keys replace-bundle-key` ask: it sends the key that the server holds.',
  },
  ROOT_MISSING: {
    title: 'The CA has no root that is active',
    section: "DESIGN 4, Rotate the CA's keys",
    remedy: 'Run `init` of this version, or restore the CA from its backup.',
  },
  ISSUER_EXPIRED: {
    title: 'The certificate of the issuing CA has expired',
    section: 'RFC 5280, 4.1.2.5',
    remedy: "Rotate the CA's issuing key.",
  },
  ROTATION_UNDER_WAY: {
    title: 'The keys of the CA are being rotated already',
    section: "Rotating the CA's keys",
    remedy:
      'Look at it with `touchstone ca status`. Finish it, or take it back with `touchstone ca rotate rollback`. If a key was ' +
      'stolen, do not wait: `touchstone ca rotate start --compromise` takes its place.',
  },
  ROTATION_UNKNOWN: {
    title: 'There is no such rotation',
    section: "Rotating the CA's keys",
    remedy: 'Look at `touchstone ca status`.',
  },
  ROTATION_PHASE_DIFFERS: {
    title: 'The rotation is in another phase by now',
    section: "Rotating the CA's keys",
    remedy: 'Look at `touchstone ca status`, and go on from there if that is still wanted.',
  },
  ROTATION_BLOCKED: {
    title: 'The rotation still waits for somebody',
    section: "Rotating the CA's keys, distribute",
    remedy:
      'Bring the hosts that are named back, or wait. `touchstone ca rotate advance --force` goes on without them, is ' +
      'written down, and leaves them to come back by themselves or by `touchstone-agent trust`.',
  },
  ROTATION_TOO_LATE: {
    title: 'This rotation can no longer be taken back',
    section: "Rotating the CA's keys, rollback",
    remedy:
      'The old key is refused for good. If the new one is not as it should be, rotate once more.',
  },
  ROTATION_BUSY: {
    title: 'Somebody is at this rotation just now',
    section: "Rotating the CA's keys",
    remedy: 'Try again in some seconds.',
  },
  ROTATION_CANARIES: {
    title: 'A rehearsal has hosts that take part in it, and nothing else has',
    section: "Rotating the CA's keys, rehearsal",
    remedy: 'Name at least one host with `--canary` for a rehearsal, and none otherwise.',
  },
  AUTHORITIES_FULL: {
    title: 'There are as many keys of the CA already as its bundle can name',
    section: "Rotating the CA's keys, rollback",
    remedy:
      'Those of rotations that were taken back go when the last of their certificates has ended: wait for that.',
  },
  AUTHORITY_UNKNOWN: {
    title: 'The CA has no such key',
    section: "Rotating the CA's keys",
    remedy: 'Copy the key identifier from `touchstone ca status`.',
  },
  AUTHORITY_ACTIVE: {
    title: 'The key that is in use cannot be refused: the CA would vouch for nobody',
    section: "Rotating the CA's keys",
    remedy:
      'Start `touchstone ca rotate start`, or `touchstone ca rotate start --compromise` if it was stolen: another key ' +
      'takes its place, and then this one is refused.',
  },
  PROGRESS_FOREIGN: {
    title: 'A report of progress is not signed by the verifier that this CA knows',
    section: "Rotating the CA's keys, reports",
    remedy:
      "Set `reporterKeyFile` in the CA's configuration to the public key that the verifier signs results with, then run `init`.",
  },
  PROGRESS_OLDER: {
    title: 'A report of progress is no newer than the last one, or of another time than now',
    section: "Rotating the CA's keys, reports",
    remedy:
      'Nothing to do if the next one is taken. Else set the clocks of the verifier and the CA.',
  },
  EK_PINNED: {
    title: 'This endorsement key is pinned already',
    section: 'Pins of endorsement keys',
    remedy:
      'Nothing to do. To give it another class, unpin it first (`touchstone ca ek unpin`); the host enrols anew then.',
  },
  EK_PIN_UNKNOWN: {
    title: 'No endorsement key of this Name is pinned',
    section: 'Pins of endorsement keys',
    remedy: 'Copy the Name from `touchstone ca ek pins`.',
  },
  EK_NOT_IN_SERVICE: {
    title: 'This endorsement key is out of service already',
    section: 'Decommissioning',
    remedy:
      'Nothing to do: it gets no certificate. `touchstone ca ek show` says since when and why.',
  },
  EK_NOT_DECOMMISSIONED: {
    title: 'This endorsement key was not taken out of service, or it was revoked for good',
    section: 'Decommissioning',
    remedy:
      '`touchstone ca ek show` says in which state it is. Nothing brings back what was revoked.',
  },
  EK_UNKNOWN: {
    title: 'No endorsement key has this ekRef',
    section: 'Enrolment',
    remedy: 'Copy the ekRef from `touchstone host show`, or from `touchstone ca ek list`.',
  },
  UNAUTHENTICATED: {
    title: 'No valid bearer token of this CA',
    section: 'RFC 6750, 3.1',
    remedy:
      '`touchstone login` with a token of this CA (`tsc_...`) that has neither expired nor been revoked. Who holds the machine gets new ones by restoring a backup.',
  },
  ROLE_MISSING: {
    title: 'This token of the CA only reads',
    section: 'RFC 6750, 3.1',
    remedy: 'Log in with a token of the CA whose role is `operator`.',
  },
  QUORUM_WAITING: {
    title: 'One person has approved this; nothing was done yet, for it takes two',
    section: 'DESIGN 4, end',
    remedy:
      'Have another person, with a token of the CA of their own, give the same command before the time that is named. `touchstone ca approval list` shows what waits.',
  },
  QUORUM_UNREACHABLE: {
    title: 'There is no second person who could approve',
    section: 'DESIGN 4, end',
    remedy:
      'Make a token of the CA for another person first: `touchstone ca operator add --name N --person P`.',
  },
  APPROVAL_UNKNOWN: {
    title: 'No such approval waits',
    section: 'DESIGN 4, end',
    remedy: 'List those that do: `touchstone ca approval list`.',
  },
  OPERATOR_UNKNOWN: {
    title: 'No token of this CA has this id',
    section: 'Operators of the CA',
    remedy: 'Copy the id from `touchstone ca operator list`.',
  },
  OPERATOR_LAST: {
    title: 'Too few people would be left who can command this CA',
    section: 'Operators of the CA',
    remedy:
      'Make a token for somebody first: `touchstone ca operator add --name N --person P`; or lower the quorum.',
  },
  FIRST_OPERATOR_EXISTS: {
    title: 'The first token of this CA was given out before',
    section: 'Operators of the CA',
    remedy:
      'Use it. If it is lost, another operator makes a new one; if all are lost, restore a backup, which gives new ones.',
  },
  CRL_UNKNOWN: {
    title: 'There is no such revocation list, or none of it that still counts',
    section: 'RFC 5280, 5',
    remedy: 'GET /v1/crls names all that there are.',
  },
  CONFIG_INVALID: {
    title: 'The configuration cannot be used',
    section: 'Configuration of the CA',
    remedy: 'Correct the field that is named, then start again.',
  },
  STATE_INCOMPLETE: {
    title: 'A file of the CA is missing beside others that depend on it',
    section: 'Configuration of the CA (stateDir)',
    remedy: 'Run `init` on a new CA; for an old one, restore the file from its backup.',
  },
  KEY_FILE_MODE: {
    title: 'A secret file can be read or written by others',
    section: 'Configuration of the CA (stateDir)',
    remedy: 'Find out who read it. If nobody did, set its mode to 0600.',
  },
  KEY_FILE_MALFORMED: {
    title: 'A key or certificate file does not hold what belongs there',
    section: 'RFC 5958; RFC 5280',
    remedy: 'Restore the file from its backup.',
  },
  PASSPHRASE_UNFIT: {
    title: "The passphrase of the CA's keys is missing, too short, or open to others",
    section: 'Configuration of the CA (custody)',
    remedy:
      'Give the file, descriptor or credential that is named a passphrase of 16 characters or more, readable by ' +
      'the issuance alone (mode 0600).',
  },
  PASSPHRASE_WRONG: {
    title: 'The passphrase does not open the key',
    section: 'RFC 8018, 6.2; RFC 7914',
    remedy:
      'Give the passphrase under which the key was made. If it is that one, the file is damaged: restore it from ' +
      'its backup.',
  },
  ROOT_KEY_LOCKED: {
    title: "The root's key is locked: its passphrase was not given to this process",
    section: 'Configuration of the CA (custody)',
    remedy:
      "Daily work does not need it; this step does. Give the issuance the root's passphrase, restart it, and take " +
      'the step again; then take the passphrase away.',
  },
  KEY_NOT_HELD: {
    title: 'The key that would have to sign is not in custody',
    section: 'Configuration of the CA (custody)',
    remedy:
      'Look whether the issuance has the state directory or token in which the key that is named was made; if it ' +
      'was lost, restore it from its backup.',
  },
  ISSUANCE_REFUSED: {
    title: 'The issuance does not sign that',
    section: 'Issuance',
    remedy:
      'CA and issuance are of two versions, or one of them was tampered with: find out which. The field is named.',
  },
  ISSUANCE_CLOCK: {
    title: "The database's clock and that of the issuance are more than ten minutes apart",
    section: 'Issuance',
    remedy: 'Set the clock that is wrong; nothing is signed until they agree.',
  },
  TOKEN_SUPPORT_MISSING: {
    title: 'This installation cannot speak to PKCS#11 tokens',
    section: 'Configuration of the CA (custody)',
    remedy:
      'Install the packages that `node-webcrypto-p11` is compiled with (g++, make, python3) and set Touchstone up ' +
      'again; or keep the keys in files.',
  },
  TOKEN_NOT_FOUND: {
    title: 'There is no token of that label, or no such library',
    section: 'PKCS#11 3.1, 5.5',
    remedy:
      "Compare `token` and `library` with what `pkcs11-tool --list-slots` or the maker's own tool shows. A token " +
      'that is reached over a network takes an issuance of its own, at a socket.',
  },
  TOKEN_LOGIN_REFUSED: {
    title: 'The token refuses its PIN',
    section: 'PKCS#11 3.1, 5.6.8',
    remedy:
      'It was not tried again, for a token locks itself. Correct the PIN where the configuration says it is read, ' +
      'then start the issuance again.',
  },
  TOKEN_FAILED: {
    title: 'The token did not do what it was asked to',
    section: 'PKCS#11 3.1, 5.1',
    remedy:
      'A new session was tried. Look whether the token is there; the name that starts with CKR_ says more.',
  },
  KEY_EXTRACTABLE: {
    title: 'A key in the token can leave it, or could once',
    section: 'PKCS#11 3.1, 4.9',
    remedy:
      "Find out from the token's maker how keys are made that cannot; until then it holds no key of the CA's.",
  },
  CLEAR_KEY_BESIDE_TOKEN: {
    title: 'A key of an older version lies in a file, and the configuration has a token for it',
    section: 'Configuration of the CA (custody)',
    remedy:
      'A key that lay in a file does not become one that never did. Name the files as `former` beside the token, ' +
      'which takes the key over into them, and rotate: new keys are made in the token.',
  },
  ISSUANCE_UNAVAILABLE: {
    title: "The process that has the CA's keys does not answer",
    section: 'Issuance',
    remedy:
      'Look at its log, which says why it cannot run, and start it again. Certificates that were issued stay good.',
  },
  RETENTION_TOO_SHORT: {
    title: 'The configuration remembers ended certificates for less than the least there is',
    section: 'Configuration of the CA (retentionDays)',
    remedy: 'Raise the number of days that is named, then run `init` again.',
  },
  SCHEMA_OLDER: {
    title: 'The database lacks migrations of this version',
    section: 'Configuration of the CA (database)',
    remedy: 'Run `init`, which migrates the database, then start again.',
  },
  SCHEMA_NEWER: {
    title: 'The database was migrated by a newer version',
    section: 'Configuration of the CA (database)',
    remedy:
      'Start the newer version. To go back, restore the backup that was made before the upgrade.',
  },
} as const satisfies Record<string, CodeEntry>;

export type CaCode = keyof typeof CA_CODES;
