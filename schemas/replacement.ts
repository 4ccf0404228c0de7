import { Type } from 'typebox';
import { AssuranceClass } from './classes.ts';
import {
  closed,
  Code,
  LineOfText,
  NameHex,
  oneOf,
  Sha256Hex,
  Slug,
  Timestamp,
  Uuid,
} from './scalars.ts';

/** A TPM and the AK in it, as the CA certified them. */
const Identity = closed({ akName: NameHex, ekRef: Sha256Hex, class: AssuranceClass });

/**
 * Another identity that was offered under a known host's name. `replacement`: another TPM; `re-enrolment`: the
 * same TPM with another AK, since it was cleared. Until somebody approves it the recorded one stays.
 */
export const Replacement = closed({
  id: Uuid,
  hostId: Uuid,
  hostName: Slug,
  kind: oneOf('replacement', 're-enrolment'),
  state: oneOf('waiting', 'approved', 'rejected'),
  recorded: Identity,
  offered: Identity,
  times: Type.Integer({ minimum: 1 }),
  firstAt: Timestamp,
  lastAt: Timestamp,
  decidedBy: Type.Union([LineOfText(128), Type.Null()]),
  decidedAt: Type.Union([Timestamp, Type.Null()]),
});
export type Replacement = Type.Static<typeof Replacement>;

/** GET /v1/replacements: those that wait first. */
export const ReplacementList = closed({
  replacements: Type.Array(Replacement, { maxItems: 1_000 }),
});
export type ReplacementList = Type.Static<typeof ReplacementList>;

/** POST /v1/replacements/{id}/rejection. */
export const ReplacementRejection = closed({ reason: LineOfText(512) });
export type ReplacementRejection = Type.Static<typeof ReplacementRejection>;

/** Something that people should look at; counted, however often it happens. */
export const Alert = closed({
  id: Uuid,
  code: Code,
  subject: LineOfText(256),
  detail: LineOfText(2_048),
  count: Type.Integer({ minimum: 1 }),
  firstAt: Timestamp,
  lastAt: Timestamp,
  /** When somebody had seen to it, and who; null while it is open. */
  acknowledgedAt: Type.Union([Timestamp, Type.Null()]),
  acknowledgedBy: Type.Union([LineOfText(256), Type.Null()]),
  /** What to do, where the code has one thing to do. */
  remedy: Type.Union([LineOfText(512), Type.Null()]),
});
export type Alert = Type.Static<typeof Alert>;

/** POST /v1/alerts/{id}/acknowledgement: as often as it had happened when it was looked at. */
export const AlertAcknowledgement = closed({ count: Type.Integer({ minimum: 1 }) });
export type AlertAcknowledgement = Type.Static<typeof AlertAcknowledgement>;

/** GET /v1/alerts: the open ones, or all; the latest first. */
export const AlertList = closed({ alerts: Type.Array(Alert, { maxItems: 1_000 }) });
export type AlertList = Type.Static<typeof AlertList>;
