import { Type } from 'typebox';
import {
  closed,
  DigestHex,
  LineOfText,
  oneOf,
  Sha256Hex,
  Slug,
  Timestamp,
  Uint32,
  Uuid,
} from './scalars.ts';
import { Labels } from './labels.ts';
import { AssuranceClass } from './classes.ts';
import { Bank } from './evidence.ts';
import { FindingEffect } from './finding.ts';
import { ImaPolicy } from './ima-policy.ts';
import { SecureBootRequirement } from './secure-boot.ts';
import { TpmRequirement } from './tpm-requirement.ts';

/** In the order in which a host boots. */
export const BASELINE_PARTS = [
  'firmware',
  'secureBoot',
  'bootChain',
  'commandLine',
  'runtime',
  'host',
] as const;

/** Parts of a baseline change separately and are separate documents. */
export const BaselinePart = oneOf(...BASELINE_PARTS);
export type BaselinePart = Type.Static<typeof BaselinePart>;

const Digests = {
  sha256: Type.Optional(Sha256Hex),
  sha384: Type.Optional(Type.String({ pattern: '^[0-9a-f]{96}$', maxLength: 96 })),
  sha512: Type.Optional(Type.String({ pattern: '^[0-9a-f]{128}$', maxLength: 128 })),
};

const Origin = {
  name: Type.Optional(LineOfText(1_024)),
  version: Type.Optional(LineOfText(128)),
  from: Type.Optional(LineOfText(256)),
};

/** A reviewer's note. Nothing follows from it. */
const Why = LineOfText(256);

/**
 * One allowed measurement: the event's digest in one or more of the document's banks. `name`, `version`
 * and `from` are for the people who review it; `file` is the SHA-256 of the file that a software TPM's
 * event is about, and `name` its path.
 *
 * Measurements of several `set`s are alternatives that may not be mixed: all that a host shows of
 * documents of one name is of one set. `lockdown`: this kernel is known to lock itself down under
 * Secure Boot. `kexec: absent`: with this kernel or command line no other kernel can be started.
 */
export const AllowedMeasurement = closed({
  ...Digests,
  ...Origin,
  file: Type.Optional(DigestHex),
  set: Type.Optional(Slug),
  lockdown: Type.Optional(Type.Literal(true)),
  kexec: Type.Optional(Type.Literal('absent')),
});
export type AllowedMeasurement = Type.Static<typeof AllowedMeasurement>;

/** One measurement that is refused, whatever any document allows. */
export const DeniedMeasurement = closed({ ...Digests, ...Origin, why: Type.Optional(Why) });
export type DeniedMeasurement = Type.Static<typeof DeniedMeasurement>;

/** `*` stands for any text; a backslash before it, or before another, takes it as it is. */
const Globs = Type.Array(LineOfText(256), { minItems: 1, maxItems: 256, uniqueItems: true });

/**
 * What the words of a believed command line may be; each glob is of a whole word, and words come in any
 * order. A line fits where each glob of `require` matches a word and, if there is `allow`, a glob of
 * `require` or `allow` matches every word. A word that `deny` matches is refused, whatever any rule
 * allows.
 */
export const WordRules = closed({
  require: Type.Optional(Globs),
  allow: Type.Optional(Globs),
  deny: Type.Optional(Globs),
});
export type WordRules = Type.Static<typeof WordRules>;

/**
 * Explains events of one type in one PCR: with `allow` those whose digest is listed, with `words` believed
 * command lines that fit, and without `allow`, `words` and `deny` (observe and warn only) every one. A
 * rule that allows must be met by exactly `times` events (1 unless stated), an `optional` one by none or
 * by as many. `deny` refuses digests in that PCR, whatever type the log claims for them and whatever any
 * rule of any document allows; a rule that only denies explains nothing.
 */
export const BaselineRule = closed({
  id: Slug,
  mode: FindingEffect,
  pcr: Type.Integer({ minimum: 0, maximum: 23 }),
  /** The profile's name of a type; eight digits for one that it does not name. */
  type: Type.String({ pattern: '^(EV_[A-Z0-9_]{1,60}|0x[0-9a-f]{8})$', maxLength: 64 }),
  times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024 })),
  optional: Type.Optional(Type.Literal(true)),
  allow: Type.Optional(Type.Array(AllowedMeasurement, { minItems: 1, maxItems: 10_000 })),
  deny: Type.Optional(Type.Array(DeniedMeasurement, { minItems: 1, maxItems: 10_000 })),
  words: Type.Optional(WordRules),
  why: Type.Optional(Why),
});
export type BaselineRule = Type.Static<typeof BaselineRule>;

/** Where captured values came from; shown to whoever approves. */
export const BaselineProvenance = closed({
  host: Uuid,
  hostName: Slug,
  resetCount: Uint32,
  capturedAt: Timestamp,
  hostState: LineOfText(16),
});

/** A baseline document: reviewed line by line as YAML, immutable once drafted. */
export const Baseline = closed({
  kind: Type.Literal('baseline'),
  part: BaselinePart,
  name: Slug,
  version: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  match: closed({
    labels: Labels,
    class: Type.Array(AssuranceClass, { minItems: 1, maxItems: 4, uniqueItems: true }),
    host: Type.Optional(Uuid),
  }),
  expires: Type.Optional(Timestamp),
  banks: Type.Array(Bank, { minItems: 1, maxItems: 4, uniqueItems: true }),
  /** This document's choice among `set`s does not bind the other documents of its name. */
  independent: Type.Optional(Type.Boolean()),
  /** Quirks of firmware that this hardware model is known for, by their names in the ledger. */
  quirks: Type.Optional(
    Type.Array(Type.String({ pattern: '^[A-Z][A-Z0-9_]{1,63}$', maxLength: 64 }), {
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
    }),
  ),
  provenance: Type.Optional(BaselineProvenance),
  /** Part secureBoot only. */
  secureBoot: Type.Optional(SecureBootRequirement),
  /** Part firmware only. */
  tpm: Type.Optional(TpmRequirement),
  /** Part runtime only. */
  ima: Type.Optional(ImaPolicy),
  /** Empty only where another section of the document enforces something. */
  rules: Type.Array(BaselineRule, { maxItems: 10_000 }),
  /**
   * Rules by id, once for each time that they are met: in each PCR the events that they explain come in
   * this order. Those that are not named may come at any place.
   */
  order: Type.Optional(Type.Array(Slug, { minItems: 1, maxItems: 10_000 })),
});
export type Baseline = Type.Static<typeof Baseline>;
