import { Type } from 'typebox';
import { BASELINE_JSON_MAX_BYTES } from './baseline-text.ts';
import { Evidence } from './evidence.ts';
import { Cursor } from './paging.ts';
import { base64UrlUpTo, closed, oneOf, Sha256Hex, Timestamp, Uuid } from './scalars.ts';

/** A UTC day of which verdicts are held, or `kept` for those that outlived theirs. */
export const VerdictDay = Type.String({
  pattern: '^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])|kept)$',
  maxLength: 10,
});
export type VerdictDay = Type.Static<typeof VerdictDay>;

/** GET /v1/verdict-days: the latest first. */
export const VerdictDays = closed({ days: Type.Array(VerdictDay, { maxItems: 40_000 }) });
export type VerdictDays = Type.Static<typeof VerdictDays>;

/** Evidence as it is stored: its logs by their digests, each to be had by GET /v1/blobs/{digest}. */
export const EvidenceOfVerdict = closed({
  statement: Evidence.properties.statement,
  quote: Evidence.properties.quote,
  pcrs: Evidence.properties.pcrs,
  blobs: Type.Array(Sha256Hex, { maxItems: 4 }),
  /** Of IMA's list: a blob, or null where the evidence had nothing new of it. */
  imaList: Type.Union([
    closed({ digest: Type.Union([Sha256Hex, Type.Null()]), more: Type.Boolean() }),
    Type.Null(),
  ]),
});
export type EvidenceOfVerdict = Type.Static<typeof EvidenceOfVerdict>;

/** Whatever there is: whether it has its shape is seen by whoever compares, and hides no other verdict. */
const AsStored = Type.Unknown();
const TextAsStored = Type.String({ maxLength: 1_048_576 });

/** What a verdict was made from. All digests are SHA-256. */
const ContextOfVerdict = closed({
  /** Over `{ own, shared }`, and of the blob that hosts share. */
  digest: Sha256Hex,
  shared: Sha256Hex,
  /** Of the outcome's canonical bytes. */
  outcome: Sha256Hex,
  /** `OwnContext`; null where the evidence is not there, which has most of it. */
  own: AsStored,
});

/** GET /v1/verdicts/{id}: one verdict as it is stored, with all that it was made from. */
export const StoredVerdict = closed({
  id: Uuid,
  hostId: Uuid,
  at: Timestamp,
  cause: oneOf('evidence', 'host-approval', 'baseline-approval'),
  class: TextAsStored,
  labels: AsStored,
  baselines: AsStored,
  policyId: TextAsStored,
  verdict: TextAsStored,
  state: TextAsStored,
  selfReported: Type.Boolean(),
  findings: AsStored,
  events: AsStored,
  /** The signed result. */
  result: TextAsStored,
  /** SHA-256 of the evidence that it was given on, and `EvidenceOfVerdict`; null where that is not there. */
  evidenceDigest: TextAsStored,
  evidence: AsStored,
  /** Null for a verdict of a version that did not store what it was made from. */
  context: Type.Union([ContextOfVerdict, Type.Null()]),
});
export type StoredVerdict = Type.Static<typeof StoredVerdict>;

/** GET /v1/verdict-days/{day}: in the order of their ids, which is that of chance. */
export const VerdictPage = closed({
  verdicts: Type.Array(StoredVerdict, { maxItems: 1_000 }),
  nextCursor: Type.Optional(Cursor),
});
export type VerdictPage = Type.Static<typeof VerdictPage>;

/** GET /v1/blobs/{digest}: a log, a shared context or a baseline document that a verdict was made from. */
export const StoredBlob = closed({
  digest: Sha256Hex,
  bytes: base64UrlUpTo(BASELINE_JSON_MAX_BYTES),
});
export type StoredBlob = Type.Static<typeof StoredBlob>;
