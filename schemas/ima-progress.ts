import { Type } from 'typebox';
import { Bank } from './evidence.ts';
import { Finding, FindingEffect } from './finding.ts';
import { base64UrlUpTo, closed, DigestHex, LineOfText, oneOf, Sha256Hex } from './scalars.ts';

const Count = Type.Integer({ minimum: 0, maximum: 2 ** 40 });

const perBank = <T extends Parameters<typeof Type.Optional>[0]>(value: T) =>
  closed({
    sha1: Type.Optional(value),
    sha256: Type.Optional(value),
    sha384: Type.Optional(value),
    sha512: Type.Optional(value),
    sm3_256: Type.Optional(value),
  });

/** A key that a host loaded into a keyring, learnt from its list. */
export const ImaLearntKey = closed({
  keyring: LineOfText(64),
  /** DER of an X.509 certificate. */
  certificate: base64UrlUpTo(8_192),
});
export type ImaLearntKey = Type.Static<typeof ImaLearntKey>;

/** How a kernel extends a bank: with the hash of the entry's data, or with its SHA-1 and zeros (before 5.8). */
export const ImaExtendStyle = oneOf('hash', 'padded');
export type ImaExtendStyle = Type.Static<typeof ImaExtendStyle>;

/**
 * How far one boot's IMA list was believed and what was found in it: what is kept between two attestations
 * by (AK Name, resetCount), so that no entry is read twice. Plain data.
 */
export const ImaProgress = closed({
  /** SHA-256 of the documents that the entries were judged by. */
  policy: Sha256Hex,
  /** Entries believed, from the list's first: the next segment begins here. */
  entries: Count,
  /** PCR 10 after them, lower-case hex, in each bank that was quoted. */
  values: perBank(DigestHex),
  /** By bank, once the list has told it. */
  styles: perBank(ImaExtendStyle),
  /** The algorithm of the list's own column of template digests. */
  digestBank: Type.Optional(Bank),
  /** Entries named boot_aggregate: a second one tells of a kexec. */
  bootAggregates: Count,
  violations: Count,
  /** Entries that an exclusion or no policy left unjudged. */
  unjudged: Count,
  /** One a file and reason (violations: some a file), in the list's order. */
  findings: Type.Array(Finding, { maxItems: 64 }),
  /** How many more there were. They count in `worst`. */
  findingsOmitted: Count,
  worst: Type.Optional(FindingEffect),
  keys: Type.Array(ImaLearntKey, { maxItems: 32 }),
});
export type ImaProgress = Type.Static<typeof ImaProgress>;
