import type { CodeEntry } from './entry.ts';

/** The keys, and the process that has them. */
export const CUSTODY_CODES = {
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
} as const satisfies Record<string, CodeEntry>;
