import { Type } from 'typebox';
import { closed, LineOfText, oneOf, Sha256Hex, Slug, Timestamp, Uint32, Uuid } from './scalars.ts';

const Count = Type.Integer({ minimum: 0, maximum: 10_000_000 });
const KeyId = Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 });

/** DESIGN 4, Rotate. `done` and `rolled-back` are ends. */
export const RotationPhase = oneOf(
  ...(['plan', 'stage', 'distribute', 'switch', 'reissue', 'drain', 'retire', 'destroy'] as const),
  ...(['done', 'rolling-back', 'rolled-back'] as const),
);
export type RotationPhase = Type.Static<typeof RotationPhase>;

/** POST /v1/operator/rotations at the CA. `root` also makes a new issuing CA beneath it. */
export const RotationStart = closed({
  kind: oneOf('issuing', 'root'),
  mode: oneOf('planned', 'compromise', 'rehearsal'),
  /** Goes on by itself whenever nothing stands against it. */
  auto: Type.Boolean(),
  /** Of a rehearsal: the hosts that take part, by `ekRef`. */
  canaries: Type.Optional(
    Type.Array(closed({ name: Slug, ekRef: Sha256Hex }), { minItems: 1, maxItems: 100 }),
  ),
  reason: LineOfText(512),
});
export type RotationStart = Type.Static<typeof RotationStart>;

/** POST /v1/operator/rotations/{id}/advance. `force` goes on past what is named as standing against it. */
export const RotationAdvance = closed({ from: RotationPhase, force: Type.Boolean() });
export type RotationAdvance = Type.Static<typeof RotationAdvance>;

/** Something that stands against going on: a host by name, or the whole fleet's report. */
export const RotationBlocker = closed({
  subject: LineOfText(128),
  because: LineOfText(512),
  away: Type.Boolean(),
});
export type RotationBlocker = Type.Static<typeof RotationBlocker>;

/** How far a rotation is, and what it waits for. */
export const Rotation = closed({
  id: Uuid,
  kind: oneOf('issuing', 'root'),
  mode: oneOf('planned', 'compromise', 'rehearsal'),
  auto: Type.Boolean(),
  phase: RotationPhase,
  startedAt: Timestamp,
  startedBy: LineOfText(128),
  reason: LineOfText(512),
  phaseSince: Timestamp,
  endedAt: Type.Union([Timestamp, Type.Null()]),
  oldKeyIds: Type.Array(KeyId, { maxItems: 32 }),
  newKeyIds: Type.Array(KeyId, { maxItems: 32 }),
  /** In the phase that it is in: N of M. */
  done: Count,
  of: Count,
  blockers: Type.Array(RotationBlocker, { maxItems: 100 }),
  /** All of them, those that are not named too. */
  blockerCount: Count,
  /** When this phase may be over, as things go; null where nobody can say. */
  estimatedEnd: Type.Union([Timestamp, Type.Null()]),
  canaries: Type.Array(Slug, { maxItems: 100 }),
  /** Every phase that was left although something stood against it: by whom, and how much. */
  forced: Type.Array(
    closed({ phase: RotationPhase, by: LineOfText(128), at: Timestamp, blockers: Count }),
    {
      maxItems: 16,
    },
  ),
});
export type Rotation = Type.Static<typeof Rotation>;

/** GET /v1/operator/rotations at the CA: the last ones, the newest first. */
export const RotationList = closed({ rotations: Type.Array(Rotation, { maxItems: 20 }) });
export type RotationList = Type.Static<typeof RotationList>;

/** POST /v1/operator/authorities/{keyId}/refusal at the CA: of one that no rotation is about, and that is not active. */
export const AuthorityRefusal = closed({ reason: oneOf('retired', 'compromised') });
export type AuthorityRefusal = Type.Static<typeof AuthorityRefusal>;

/** GET /v1/operator/status at the CA: what it says of itself. */
export const CaOwnStatus = closed({
  schema: Type.Literal('touchstone/ca-own-status/1'),
  now: Timestamp,
  epoch: Uint32,
  custody: oneOf('file', 'pkcs11'),
  quorum: Type.Integer({ minimum: 1, maximum: 2 }),
  authorities: Type.Array(
    closed({
      keyId: KeyId,
      role: oneOf('root', 'issuing'),
      subject: LineOfText(512),
      fingerprint: Sha256Hex,
      state: oneOf('staged', 'active', 'verify-only', 'refused', 'destroyed'),
      reason: Type.Union([oneOf('retired', 'compromised', 'rolled-back'), Type.Null()]),
      notBefore: Timestamp,
      notAfter: Timestamp,
      /** AK certificates by it that have not ended and are no host's older ones. */
      liveCertificates: Count,
    }),
    { maxItems: 64 },
  ),
  rotation: Type.Union([Rotation, Type.Null()]),
  /** What somebody should see to soon. */
  reminders: Type.Array(closed({ text: LineOfText(512), before: Timestamp }), { maxItems: 32 }),
});
export type CaOwnStatus = Type.Static<typeof CaOwnStatus>;
