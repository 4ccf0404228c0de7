import { Type } from 'typebox';
import { closed, DigestHex, LineOfText, oneOf, Sha256Hex } from './scalars.ts';

/** A switch of the firmware's as believed events tell it; `unknown` where none does, or they contradict each other. */
const Switch = oneOf('on', 'off', 'unknown');

/** One of Secure Boot's lists of keys or digests. */
export const KeyList = closed({
  /** Certificates and digests in it. */
  entries: Type.Integer({ minimum: 0 }),
  /** Of the variable's value. */
  sha256: Sha256Hex,
});
export type KeyList = Type.Static<typeof KeyList>;

/** A program that was started while booting. */
export const BootImage = closed({
  role: oneOf('application', 'boot-driver', 'runtime-driver'),
  /** Its Authenticode digest, in the bank that it was judged in. */
  digest: DigestHex,
  /** As a baseline calls it. */
  name: Type.Optional(LineOfText(256)),
  /** The device path's file. No digest covers it: whoever wrote the log may have made it up. */
  claimedFile: Type.Optional(LineOfText(256)),
});
export type BootImage = Type.Static<typeof BootImage>;

/**
 * What the log of a boot means. But for what is called `claimed`, only events count whose digest was proved to be of
 * what they say, in a PCR that was quoted. Lists are cut where they end.
 */
export const BootState = closed({
  secureBoot: Switch,
  setupMode: Switch,
  auditMode: Switch,
  deployedMode: Switch,
  keys: closed({
    pk: Type.Optional(KeyList),
    kek: Type.Optional(KeyList),
    db: Type.Optional(KeyList),
    dbx: Type.Optional(KeyList),
  }),
  /** What vouched for the programs that were started: the variable, and the certificate's digest. */
  authorities: Type.Array(closed({ variable: LineOfText(64), sha256: Sha256Hex }), {
    maxItems: 16,
  }),
  /** The least generations that shim starts, by component: `sbat,1,2025021800` and so on. */
  sbat: Type.Array(LineOfText(64), { maxItems: 16 }),
  /** shim's own lists of keys, as they were measured into PCR 14: MokList, MokListX, MokListTrusted. */
  mok: Type.Array(closed({ claimedName: LineOfText(64), digest: DigestHex }), { maxItems: 16 }),
  images: Type.Array(BootImage, { maxItems: 32 }),
  /** How many more programs there were. */
  imagesOmitted: Type.Integer({ minimum: 0 }),
  commandLines: Type.Array(
    closed({
      source: oneOf('grub', 'systemd-stub', 'linux', 'software'),
      text: LineOfText(2_048),
    }),
    { maxItems: 8 },
  ),
  exitBootServices: oneOf('seen', 'absent'),
  /** Programs that were started, ended, and left the next to its turn. */
  returned: Type.Integer({ minimum: 0 }),
  /** Why another kernel could not have been started in this boot without showing; `open` where it could. */
  kexec: oneOf('locked-down', 'absent', 'measured', 'open'),
  /** Quirks of the firmware that were let pass, because a baseline names them. */
  quirks: Type.Array(LineOfText(64), { maxItems: 32 }),
});
export type BootState = Type.Static<typeof BootState>;
