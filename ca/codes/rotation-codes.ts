import type { CodeEntry } from './entry.ts';

/** The CA's own certificates, and how they change. */
export const ROTATION_CODES = {
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
} as const satisfies Record<string, CodeEntry>;
