import { Type } from 'typebox';
import { closed, LineOfText, oneOf, Slug, Timestamp, Uuid } from './scalars.ts';

/** At the CA. `viewer` reads; `operator` does all else that its operators do. */
export const CaRole = oneOf('viewer', 'operator');
export type CaRole = Type.Static<typeof CaRole>;

/** A bearer token of the CA's own, without its secret. Two of one person are one voice. */
export const CaOperator = closed({
  id: Uuid,
  name: Slug,
  person: Slug,
  role: CaRole,
  createdBy: LineOfText(128),
  createdAt: Timestamp,
  expiresAt: Type.Union([Timestamp, Type.Null()]),
  revokedAt: Type.Union([Timestamp, Type.Null()]),
});
export type CaOperator = Type.Static<typeof CaOperator>;

/** POST /v1/operator/operators at the CA. `person`: the maker's own, unless stated. */
export const CaOperatorRequest = closed({
  name: Slug,
  person: Type.Optional(Slug),
  role: CaRole,
  ttlSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 31_536_000 })),
});
export type CaOperatorRequest = Type.Static<typeof CaOperatorRequest>;

export const CaOperatorCreated = closed({
  token: Type.String({ maxLength: 132 }),
  record: CaOperator,
});
export type CaOperatorCreated = Type.Static<typeof CaOperatorCreated>;

/** GET /v1/operator/operators at the CA: those that hold, or with `all` every one; the latest first. */
export const CaOperatorList = closed({ operators: Type.Array(CaOperator, { maxItems: 1_000 }) });
export type CaOperatorList = Type.Static<typeof CaOperatorList>;

/** GET /v1/operator/session at the CA: whose the bearer token is. */
export const CaSession = closed({
  tokenId: Uuid,
  name: Slug,
  person: Slug,
  role: CaRole,
  quorum: Type.Integer({ minimum: 1, maximum: 2 }),
  ca: LineOfText(512),
});
export type CaSession = Type.Static<typeof CaSession>;
