import { EXIT, type ExitCode } from './exit-codes.ts';

type Entry = { readonly title: string; readonly remedy: string; readonly exit: ExitCode };

/** Every code that the command itself gives; all others come from the server or the connection. */
export const CLI_CODES = {
  NOT_LOGGED_IN: {
    title: 'You are not logged in',
    remedy:
      'Run `touchstone login --server URL --fingerprint F --token-file T`. ' +
      '`touchstone up` printed the URL, the fingerprint and the first token.',
    exit: EXIT.notPermitted,
  },
  CA_NOT_LOGGED_IN: {
    title: 'This login has no token of the CA',
    remedy:
      'Run `touchstone login` again with the token of the CA (`tsc_...`) in the token file. `touchstone up` printed ' +
      'the first one, behind a dot, in the text to log in with; others are made by `touchstone ca operator add`.',
    exit: EXIT.notPermitted,
  },
  CA_PIN_CHANGED: {
    title: 'The CA does not have the key that this login noted',
    remedy:
      'Ask whoever runs the CA. If its TLS key was changed on purpose, run `touchstone login` again with ' +
      '`--ca-fingerprint F`, which `touchstone up` prints; if not, somebody stands in between.',
    exit: EXIT.notPermitted,
  },
  CA_ROTATION_NONE: {
    title: "No change of the CA's keys is under way",
    remedy:
      '`touchstone ca rotate start --auto` begins one; `touchstone ca status` shows the keys.',
    exit: EXIT.no,
  },
  CA_ROTATION_ODD: {
    title: 'These options do not go together',
    remedy:
      '--rehearse takes the hosts that take part, each with --canary NAME, and --compromise takes neither.',
    exit: EXIT.usage,
  },
  NO_CERTIFICATES: {
    title: 'Nothing below that directory is a certificate',
    remedy:
      'Extract a .cab first: `cabextract -d DIR TrustedTpm.cab`. PEM and DER are read, under any name.',
    exit: EXIT.malformed,
  },
  CERTIFICATES_NOT_ONE: {
    title: 'The file does not hold exactly one certificate',
    remedy: 'Give one certificate, PEM or DER. `touchstone ca bundle import` takes many.',
    exit: EXIT.malformed,
  },
  FINGERPRINT_UNKNOWN: {
    title: 'No certificate, or more than one, begins with that SHA-256',
    remedy: 'Copy more of it from `touchstone ca bundle list`.',
    exit: EXIT.no,
  },
  PROFILE_EXPOSED: {
    title: 'The file with your token can be read by others',
    remedy: 'Run `chmod 600` on it. If others use this machine, revoke that token and log in anew.',
    exit: EXIT.notPermitted,
  },
  PROFILE_MALFORMED: {
    title: 'The file with your login is damaged',
    remedy: 'Run `touchstone login` again; it writes the file anew.',
    exit: EXIT.malformed,
  },
  TOKEN_MALFORMED: {
    title: 'That is not a token',
    remedy: 'Give a file that holds the token and nothing else, on one line.',
    exit: EXIT.malformed,
  },
  FILE_UNREADABLE: {
    title: 'A file cannot be read',
    remedy: 'Check its name and that you may read it; `-` reads the standard input.',
    exit: EXIT.usage,
  },
  FILE_UNWRITABLE: {
    title: 'A file cannot be written',
    remedy: 'Check its name and that you may write there; a file that exists is never overwritten.',
    exit: EXIT.usage,
  },
  FILE_TOO_LARGE: {
    title: 'The input is larger than is read here',
    remedy: 'Split it into several files.',
    exit: EXIT.malformed,
  },
  FILE_NOT_TEXT: {
    title: 'The input is not UTF-8 text',
    remedy: 'Give a text file.',
    exit: EXIT.malformed,
  },
  LIST_TOO_LONG: {
    title: 'The list has no end, or is longer than is read here',
    remedy: 'Ask the API itself for its pages: `/v1/openapi.json` describes it.',
    exit: EXIT.malformed,
  },
  AK_NAME_DIFFERS: {
    title: 'The host has another AK Name than the one you named',
    remedy:
      'Do not approve it before you know why: either the name was copied wrongly, or this is another TPM.',
    exit: EXIT.no,
  },
  ALERT_UNKNOWN: {
    title: 'No such alert is open',
    remedy: '`touchstone alert list` shows those that are, with their ids.',
    exit: EXIT.no,
  },
  REPLACEMENT_UNKNOWN: {
    title: 'No such replacement waits',
    remedy: '`touchstone host replacements` shows those that do.',
    exit: EXIT.no,
  },
  VM_UNKNOWN: {
    title: 'No VM of that name is registered',
    remedy: '`touchstone vm list` shows those that are; `touchstone vm add` registers one.',
    exit: EXIT.no,
  },
  AUDIT_EMPTY: {
    title: 'There is no audit log to verify',
    remedy: 'Every deployment has one from its first token on: look at who runs this server.',
    exit: EXIT.no,
  },
  BUNDLE_KEY_OTHER: {
    title: 'The first trust bundle is not the one that this login noted: its results prove nothing',
    remedy:
      'If the deployment was made anew, log in again with its new fingerprint. If not, somebody has written into its database.',
    exit: EXIT.no,
  },
  VERDICT_NOT_MADE_AGAIN: {
    title:
      'The verdict cannot be made again: something that it was made from is not stored, or changed',
    remedy: '`touchstone audit verify` says of each verdict what is the matter with it.',
    exit: EXIT.no,
  },
  EVIDENCE_MALFORMED: {
    title: 'A file is no evidence',
    remedy: 'Give what `touchstone audit export` wrote, or evidence as an agent sends it.',
    exit: EXIT.malformed,
  },
  CONTEXT_MALFORMED: {
    title: 'A file is no context of a verdict, or it was changed',
    remedy: 'Give what `touchstone audit export` wrote.',
    exit: EXIT.malformed,
  },
  BASELINE_UNKNOWN: {
    title: 'There is no baseline document to show',
    remedy: '`touchstone baseline list` shows those there are; --all includes the retired ones.',
    exit: EXIT.no,
  },
  CLASS_UNTOLD: {
    title: 'The baselines are for machines of no common class',
    remedy: 'Say with --class which machine the log is of.',
    exit: EXIT.usage,
  },
  LOG_WITHOUT_EVENTS: {
    title: 'The log has no event that a baseline could be made of',
    remedy:
      'Take the log of a machine that booted; `touchstone inspect eventlog` shows what is in it.',
    exit: EXIT.malformed,
  },
  IMA_POLICY_NONE: {
    title: "None of the baselines says what IMA's list may hold",
    remedy: 'Name a baseline of part runtime with an `ima` section, or leave --ima out.',
    exit: EXIT.usage,
  },
  IMPORT_NO_RULE: {
    title: 'Nothing in what you named can become a rule',
    remedy:
      'Name components whose events are in the log of the firmware: boot loader, kernel, GPT.',
    exit: EXIT.malformed,
  },
  IMPORT_NO_IMAGE: {
    title: 'There is no boot image in what you named',
    remedy: 'Name the packages that hold the files, not those that only depend on them.',
    exit: EXIT.malformed,
  },
  BASELINE_MALFORMED_FILE: {
    title: 'The file holds no baselines',
    remedy: 'Correct it where the detail says.',
    exit: EXIT.malformed,
  },
  PREVIEW_OF_WHAT: {
    title: 'Say which change is to be tried',
    remedy: 'Give the name of drafts, or a name with --retire, or --file FILE alone.',
    exit: EXIT.usage,
  },
  WINDOW_OTHER_NAME: {
    title: 'The file has documents of another name than the window',
    remedy: 'They are drafted; nothing was opened. Open a window for each name.',
    exit: EXIT.no,
  },
  BUNDLE_KEY_THERE: {
    title: 'The server has the key that signs the next trust bundle: nothing is lost',
    remedy:
      'To change the bundle key, give the new one as `bundleKeyFile` and this one as `previousBundleKeyFile`.',
    exit: EXIT.no,
  },
} as const satisfies Record<string, Entry>;

export type CliCode = keyof typeof CLI_CODES;

/** An operation of the command's own that failed. `detail` is for people and holds no secret. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliCode;
  readonly detail: string | undefined;

  constructor(code: CliCode, detail?: string, cause?: unknown) {
    super(`${code}: ${detail ?? CLI_CODES[code].title}`, { cause });
    this.code = code;
    this.detail = detail;
  }
}
