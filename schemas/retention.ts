import { Type } from 'typebox';
import { closed, LineOfText, oneOf, Timestamp } from './scalars.ts';

/** What is kept for a time. Evidence goes with the verdicts that it led to, a blob with the last of its evidence. */
export const RetentionKind = oneOf(
  'attestations',
  'evidence',
  'blobs',
  'starts',
  'audit',
  'alerts',
  'joinTokens',
  'apiTokens',
  'browserSessions',
  'pendingHosts',
  'waitingOffers',
);
export type RetentionKind = Type.Static<typeof RetentionKind>;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** A partition, or rows of one kind, that have had their time. */
export const RetentionRemoval = closed({
  kind: RetentionKind,
  /** The table. */
  part: LineOfText(63),
  since: Timestamp,
  until: Timestamp,
  /** Of a partition beyond 64 MiB an estimate. */
  rows: Count,
  /** What is moved out of it first, because something rests on it. */
  kept: Count,
  bytes: Count,
  note: LineOfText(256),
});
export type RetentionRemoval = Type.Static<typeof RetentionRemoval>;

/** GET /v1/retention: what there is, how long it is kept, and what would go now. */
export const Retention = closed({
  kinds: Type.Array(
    closed({
      kind: RetentionKind,
      /** Null for what goes with another kind. */
      days: Type.Union([Type.Integer({ minimum: 1, maximum: 36_500 }), Type.Null()]),
      /** The first that there is. */
      since: Type.Union([Timestamp, Type.Null()]),
      bytes: Count,
    }),
    { maxItems: 16 },
  ),
  due: Type.Array(RetentionRemoval, { maxItems: 100_000 }),
});
export type Retention = Type.Static<typeof Retention>;

/** POST /v1/retention/runs: what went. */
export const RetentionRun = closed({
  removed: Type.Array(RetentionRemoval, { maxItems: 100_000 }),
});
export type RetentionRun = Type.Static<typeof RetentionRun>;
