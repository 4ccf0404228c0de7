import { Type } from 'typebox';
import { closed, LineOfText, oneOf, Sha256Hex, Slug, Timestamp, Uuid } from './scalars.ts';
import { Cursor } from './paging.ts';

/** How many people it takes to loosen what is trusted. DESIGN 4, end. */
const Quorum = Type.Integer({ minimum: 1, maximum: 2 });

/** GET /v1/quorum. `approvers`: people with a live token that approves. */
export const QuorumStatus = closed({
  quorum: Quorum,
  approvers: Type.Array(Slug, { maxItems: 1_000 }),
  /** How many approvals wait for another person. */
  waiting: Type.Integer({ minimum: 0 }),
});
export type QuorumStatus = Type.Static<typeof QuorumStatus>;

/** POST /v1/quorum: raised by one person, lowered by two. */
export const QuorumChange = closed({ quorum: Quorum });
export type QuorumChange = Type.Static<typeof QuorumChange>;

/**
 * One person's approval of something that takes two. It counts for this very thing alone: `digest` is over all that
 * would be done.
 */
export const Approval = closed({
  id: Uuid,
  action: LineOfText(64),
  subject: LineOfText(256),
  detail: LineOfText(2_048),
  digest: Sha256Hex,
  state: oneOf('waiting', 'made', 'withdrawn', 'lapsed'),
  person: Slug,
  token: LineOfText(128),
  at: Timestamp,
  expiresAt: Timestamp,
  decidedBy: Type.Union([LineOfText(128), Type.Null()]),
  decidedAt: Type.Union([Timestamp, Type.Null()]),
});
export type Approval = Type.Static<typeof Approval>;

/** GET /v1/approvals: those that wait, or with `all` every one; the latest first. */
export const ApprovalList = closed({
  approvals: Type.Array(Approval, { maxItems: 1_000 }),
  nextCursor: Type.Optional(Cursor),
});
export type ApprovalList = Type.Static<typeof ApprovalList>;
