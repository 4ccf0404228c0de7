import { InvalidArgumentError } from 'commander';
import {
  AssuranceClass,
  BaselinePart,
  CaRole,
  checkAgainst,
  DiskName,
  EkAlgorithm,
  FailMode,
  type HostLabelling,
  LabelKey,
  type Labels,
  NameHex,
  OnLoss,
  Role,
  Sha256Hex,
  Slug,
  Timestamp,
  Uuid,
} from '@touchstone/schemas';

/** Arguments are read here or refused with what was expected; a refusal is a usage error. */
type Reader<T> = (text: string) => T;

function read<T>(check: (text: string) => T, expected: string): Reader<T> {
  return (text) => {
    try {
      return check(text);
    } catch {
      throw new InvalidArgumentError(`Expected ${expected}.`);
    }
  };
}

const NAME = 'a name: lower-case letters, digits, dots, dashes, underscores; at most 63';

/** Hosts and VMs are named by it or by their id, which has the same form. */
export const readName = read((text) => checkAgainst(Slug, text), NAME);
export const readUuid = read((text) => checkAgainst(Uuid, text.toLowerCase()), 'a UUID');
export const readAkName = read(
  (text) => checkAgainst(NameHex, text.toLowerCase()),
  'an AK Name: 68 hex digits as `touchstone host show` prints them',
);
export const readEkRef = read(
  (text) => checkAgainst(Sha256Hex, text.toLowerCase()),
  "a TPM's reference: 64 hex digits as `touchstone host show` prints them",
);
export const readCaRole = read((text) => checkAgainst(CaRole, text), 'operator or viewer');
const readLabelKey = read((text) => checkAgainst(LabelKey, text), 'a lower-case label');
export const readPart = read(
  (text) => checkAgainst(BaselinePart, text),
  'one of firmware, secureBoot, bootChain, commandLine, runtime, host',
);

/** `--fingerprint`, with or without the colons that openssl writes. */
export const readFingerprint = read(
  (text) => checkAgainst(Sha256Hex, text.replaceAll(':', '').toLowerCase()),
  'the 64 hex digits that `touchstone up` printed',
);

/** Hexadecimal bytes; none at all are a nonce too. */
export const readNonce = read((text) => {
  if (!/^([0-9a-f]{2})*$/iu.test(text)) throw new TypeError('not hexadecimal');
  return Uint8Array.from(Buffer.from(text, 'hex'));
}, 'the nonce as hexadecimal digits, two for each byte');

/** The server's origin. Anything beyond it would be dropped in silence, so it is refused. */
export const readServer = read((text) => {
  const url = new URL(text);
  const { origin, protocol } = url;
  if (protocol !== 'https:' || url.href !== `${origin}/`) throw new TypeError('not an origin');
  return origin;
}, 'an address like https://touchstone.example:8443, and nothing after the port');

export const readCount = read((text) => {
  if (!/^[1-9][0-9]{0,6}$/u.test(text)) throw new TypeError('not a count');
  return Number(text);
}, 'a whole number from 1 on');

export const readQuorum = read((text) => {
  if (text !== '1' && text !== '2') throw new TypeError('not a quorum');
  return Number(text);
}, '1 or 2');

/** A day is its first instant, UTC: two people who write the same mean the same. */
export const readTime = read((text) => {
  const whole = /^\d{4}-\d{2}-\d{2}$/u.test(text) ? `${text}T00:00:00Z` : text;
  checkAgainst(Timestamp, whole);
  const time = new Date(whole);
  if (Number.isNaN(time.getTime())) throw new TypeError('no time');
  return time.toISOString();
}, 'a time like 2027-03-01 or 2027-03-01T12:00:00Z');

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Seconds. */
export const readDuration = read((text) => {
  const [, count, unit] = /^([1-9][0-9]{0,7})([smhd])$/u.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw new TypeError('not a duration');
  return Number(count) * SECONDS[unit as keyof typeof SECONDS];
}, 'a duration like 30m, 24h or 7d');

/** Repeated options gather their values; `--class software,virtual` is two of them. */
function gather<T>(one: Reader<T>): (text: string, before?: readonly T[]) => readonly T[] {
  return (text, before = []) => [...new Set([...before, ...text.split(',').map(one)])];
}

/** Files, in the order in which they are named. */
export const gatherFiles = (file: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  file,
];

export const readClass = read(
  (text) => checkAgainst(AssuranceClass, text),
  'discrete, firmware, virtual or software',
);
export const gatherClasses = gather(readClass);
export const readEkAlgorithm = read((text) => checkAgainst(EkAlgorithm, text), 'ecc, rsa or any');
export const readSha256 = read(
  (text) => checkAgainst(Sha256Hex, text.replaceAll(':', '').toLowerCase()),
  '64 hex digits',
);
/** As a list shows them; enough to tell one from all others. */
export const readSha256Start = read((text) => {
  const hex = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{8,64}$/u.test(hex)) throw new TypeError('no fingerprint');
  return hex;
}, 'a SHA-256: its first 8 to 64 hex digits');
export const readEkName = read(
  (text) => checkAgainst(NameHex, text.toLowerCase()),
  'an EK Name: 68 hex digits and more, as the machine itself prints it',
);
export const gatherBanks = gather(
  read((text) => {
    if (text !== 'sha256' && text !== 'sha384' && text !== 'sha512') throw new TypeError(text);
    return text;
  }, 'sha256, sha384 or sha512'),
);
export const gatherRoles = gather(
  read((text) => checkAgainst(Role, text), 'viewer, operator, approver or ca-admin'),
);
export const gatherDisks = gather(
  read(
    (text) => checkAgainst(DiskName, text),
    'a disk: libvirt’s target (vdb), or disk0, disk1 in order',
  ),
);
export const readDisk = read(
  (text) => checkAgainst(DiskName, text),
  'a disk: libvirt’s target (vdb), or disk0, disk1 in order',
);
export const readOnLoss = read(
  (text) => checkAgainst(OnLoss, text),
  'flag, no-new-starts, pause or shutdown',
);
export const readFailMode = read((text): FailMode => {
  const [mode = '', seconds] = text.split('=');
  const within = seconds === undefined ? {} : { seconds: readDuration(seconds) };
  return checkAgainst(FailMode, { mode, ...within });
}, 'refuse, allow-if-attested-within=TIME (60s to 7d) or allow-and-flag');
export const gatherImages = gather(
  read((text) => checkAgainst(Sha256Hex, text.toLowerCase()), "an image's SHA-256, 64 hex digits"),
);

/** `key=value` sets a label, `key-` takes it away; repeated. */
export function gatherLabelling(
  text: string,
  { set, remove }: HostLabelling = { set: {}, remove: [] },
): HostLabelling {
  if (text.includes('=')) {
    const labelled = gatherLabels(text, set);
    const twice = Object.keys(labelled).find((key) => remove.includes(key));
    if (twice !== undefined) throw new InvalidArgumentError(`${twice} is given twice.`);
    return { set: labelled, remove };
  }
  if (!text.endsWith('-')) throw new InvalidArgumentError('Expected KEY=VALUE or KEY-.');
  const key = readLabelKey(text.slice(0, -1));
  if (Object.hasOwn(set, key) || remove.includes(key)) {
    throw new InvalidArgumentError(`${key} is given twice.`);
  }
  return { set, remove: [...remove, key] };
}

/** `--label key=value`, repeated. */
export function gatherLabels(text: string, before: Labels = {}): Labels {
  const at = text.indexOf('=');
  const key = text.slice(0, Math.max(at, 0));
  if (!/^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/u.test(key)) {
    throw new InvalidArgumentError('Expected KEY=VALUE with a lower-case key.');
  }
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`${key} is given twice.`);
  return { ...before, [key]: text.slice(at + 1) };
}

/** A line of an audit log as somebody noted it before: `SEQUENCE:HASH`. */
export type NotedLine = { readonly sequence: number; readonly hash: string };

export function readNoted(text: string): NotedLine {
  const [, sequence, hash] = /^([1-9][0-9]{0,14}):([0-9a-f]{64})$/u.exec(text) ?? [];
  if (sequence === undefined || hash === undefined) {
    throw new InvalidArgumentError(
      'Expected SEQUENCE:HASH as `touchstone audit verify` prints it.',
    );
  }
  return { sequence: Number(sequence), hash };
}
