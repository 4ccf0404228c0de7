import { Type } from 'typebox';
import { AssuranceClass } from './classes.ts';
import { closed, LineOfText, NameHex, oneOf, Sha256Hex, Timestamp } from './scalars.ts';
import { Cursor } from './paging.ts';

const Text = LineOfText(512);
const OrNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0, maximum: 10_000_000 });
/** `by` is null where it was done on the CA's own machine. */
const Decided = closed({ at: Timestamp, by: OrNull(LineOfText(128)), because: Text });

/**
 * An EK that the CA has certified an AK for. The server knows it as its `ekRef` alone; `ekName` stays here.
 * `vouchedBy`: what gave it its class when it last activated; null where nobody wrote that down.
 */
export const EndorsementKey = closed({
  ekRef: Sha256Hex,
  ekName: NameHex,
  class: AssuranceClass,
  vouchedBy: OrNull(oneOf('root', 'pin', 'itself')),
  rootFingerprint: OrNull(Sha256Hex),
  rootSubject: OrNull(Text),
  /** Who made its TPM, as a root vouches for it, what is known against the key, and how its certificate is odd. */
  maker: OrNull(LineOfText(16)),
  weaknesses: Type.Array(LineOfText(32), { maxItems: 16 }),
  quirks: Type.Array(LineOfText(64), { maxItems: 64 }),
  firstActivatedAt: Timestamp,
  lastActivatedAt: Timestamp,
  certificateUntil: OrNull(Timestamp),
  /** `revoked`: no certificate any more, for good. `decommissioned`: none until it is readmitted. */
  state: oneOf('active', 'revoked', 'decommissioned'),
  decided: OrNull(Decided),
});
export type EndorsementKey = Type.Static<typeof EndorsementKey>;

/** GET /v1/operator/endorsement-keys at the CA. */
export const EndorsementKeyList = closed({
  keys: Type.Array(EndorsementKey, { maxItems: 1_000 }),
  nextCursor: Type.Optional(Cursor),
});
export type EndorsementKeyList = Type.Static<typeof EndorsementKeyList>;

/** An EK that asked and that nobody vouches for. `issuer` is its certificate's word; null where it has none. */
export const WaitingKey = closed({
  ekName: NameHex,
  issuer: OrNull(LineOfText(1_200)),
  /** Of the key itself: `rsa 2048`, `ecc nist_p256`; null for one of before it was noted. */
  key: OrNull(LineOfText(64)),
  times: Count,
  firstSeenAt: Timestamp,
  lastSeenAt: Timestamp,
});
export type WaitingKey = Type.Static<typeof WaitingKey>;

/** GET /v1/operator/endorsement-keys-waiting at the CA: those that came last first. */
export const WaitingKeys = closed({
  count: Count,
  keys: Type.Array(WaitingKey, { maxItems: 1_000 }),
});
export type WaitingKeys = Type.Static<typeof WaitingKeys>;

/** POST /v1/operator/pins at the CA: exactly this EK, by its Name, is of this class. */
export const PinRequest = closed({ ekName: NameHex, class: AssuranceClass, reason: Text });
export type PinRequest = Type.Static<typeof PinRequest>;

export const Pin = closed({ ekName: NameHex, class: AssuranceClass, decided: Decided });
export type Pin = Type.Static<typeof Pin>;

/** GET /v1/operator/pins at the CA. */
export const Pins = closed({ count: Count, pins: Type.Array(Pin, { maxItems: 1_000 }) });
export type Pins = Type.Static<typeof Pins>;

/** POST /v1/operator/pins/{ekName}/removal, .../endorsement-keys/{ekRef}/decommissioning and .../readmission. */
export const WithReason = closed({ reason: Text });
export type WithReason = Type.Static<typeof WithReason>;

/**
 * The answer to a decommissioning. `revoked`: how many certificates with it. `listed`: whether the revocation lists say
 * so by now; otherwise they follow by themselves.
 */
export const Decommissioned = closed({
  key: EndorsementKey,
  revoked: Count,
  listed: Type.Boolean(),
});
export type Decommissioned = Type.Static<typeof Decommissioned>;
