import { Type } from 'typebox';
import { Labels } from './labels.ts';
import { closed, LineOfText, oneOf, Timestamp, Uuid } from './scalars.ts';

const Reason = Type.String({
  pattern:
    '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*\\S[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$',
  minLength: 1,
  maxLength: 512,
});

/** The longest that observe mode lasts: 90 days. */
const OBSERVE_MAX_SECONDS = 7_776_000;

/**
 * A time in which hosts that have all of `labels` ask before every start, and no start is refused them. Without labels
 * it is every host.
 */
const Observation = closed({
  id: Uuid,
  since: Timestamp,
  until: Timestamp,
  labels: Labels,
  reason: Reason,
  by: LineOfText(128),
});

/** GET /v1/gate. */
export const GateStatus = closed({
  mode: oneOf('enforce', 'observe'),
  observation: Type.Union([Observation, Type.Null()]),
});
export type GateStatus = Type.Static<typeof GateStatus>;

/** POST /v1/gate/observation: loosening. The time counts from when it is made. */
export const ObservationRequest = closed({
  seconds: Type.Integer({ minimum: 60, maximum: OBSERVE_MAX_SECONDS }),
  labels: Labels,
  reason: Reason,
});
export type ObservationRequest = Type.Static<typeof ObservationRequest>;

/** POST /v1/gate/enforcement. */
export const EnforcementRequest = closed({ reason: Reason });
export type EnforcementRequest = Type.Static<typeof EnforcementRequest>;

/** POST /v1/vms/{uuid}/clearance: a held VM may be started again. Loosening. */
export const VmClearance = closed({ reason: Reason });
export type VmClearance = Type.Static<typeof VmClearance>;
