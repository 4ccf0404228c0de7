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

/** Parts of a baseline change separately and are separate documents. */
export const BaselinePart = oneOf(
  'firmware',
  'secureBoot',
  'bootChain',
  'commandLine',
  'runtime',
  'host',
);
export type BaselinePart = Type.Static<typeof BaselinePart>;

/**
 * One allowed measurement: the event's digest in one or more of the document's banks. The rest is
 * for the people who review it; `file` is the SHA-256 of the file that a software TPM's event is
 * about, and `name` its path.
 */
export const AllowedMeasurement = closed({
  sha256: Type.Optional(Sha256Hex),
  sha384: Type.Optional(Type.String({ pattern: '^[0-9a-f]{96}$', maxLength: 96 })),
  sha512: Type.Optional(Type.String({ pattern: '^[0-9a-f]{128}$', maxLength: 128 })),
  name: Type.Optional(LineOfText(1_024)),
  version: Type.Optional(LineOfText(128)),
  from: Type.Optional(LineOfText(256)),
  file: Type.Optional(DigestHex),
});
export type AllowedMeasurement = Type.Static<typeof AllowedMeasurement>;

/**
 * Explains events of one type in one PCR. With `allow`, events whose digest is listed; without it
 * (observe and warn only), every event of that type in that PCR. An `enforce` rule must be met by
 * exactly `times` events (1 unless stated).
 */
export const BaselineRule = closed({
  id: Slug,
  mode: FindingEffect,
  pcr: Type.Integer({ minimum: 0, maximum: 23 }),
  type: Type.String({ pattern: '^EV_[A-Z0-9_]{1,60}$', maxLength: 64 }),
  times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024 })),
  allow: Type.Optional(Type.Array(AllowedMeasurement, { minItems: 1, maxItems: 10_000 })),
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
  provenance: Type.Optional(BaselineProvenance),
  rules: Type.Array(BaselineRule, { minItems: 1, maxItems: 10_000 }),
});
export type Baseline = Type.Static<typeof Baseline>;
