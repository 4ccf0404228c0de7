import { Type } from 'typebox';
import { Door } from './door.ts';
import { closed, Code, LineOfText, oneOf, Timestamp, Uuid } from './scalars.ts';

/**
 * What a host tells of its gate, in a statement of purpose `attest`. It is the host's own word: it shows what an honest
 * host saw, and turns no verdict better. Times are of the host's clock, for people.
 */

/** Something that went round the gate, or might. `code` is one of the agent's, such as HOOK_MISSING. */
export const ReportedExposure = closed({
  code: Code,
  subject: LineOfText(256),
  detail: LineOfText(512),
  vm: Type.Union([Uuid, Type.Null()]),
  since: Timestamp,
});
export type ReportedExposure = Type.Static<typeof ReportedExposure>;

/** A VM that runs, by whatever ground: `permit` is the id of the permit, licence or mandate by which it was started. */
export const RunningVm = closed({
  vm: Type.Union([Uuid, Type.Null()]),
  name: LineOfText(128),
  door: Type.Union([Door, Type.Null()]),
  permit: Type.Union([Uuid, Type.Null()]),
  paused: Type.Boolean(),
  since: Timestamp,
});
export type RunningVm = Type.Static<typeof RunningVm>;

/**
 * What was decided here without the server's word, each told until an answer came to a statement that told it. And what
 * became of a start that had been let go, by the server or here, under its id: it was `refused` after all, since it was
 * another thing, or had no key; it `failed` by itself, and did not run; or it runs though it `differs` from what was let go.
 */
export const DecidedAlone = closed({
  requestId: Uuid,
  vm: Uuid,
  decision: oneOf('refused', 'licensed', 'observed', 'failed', 'differs'),
  code: Code,
  at: Timestamp,
});
export type DecidedAlone = Type.Static<typeof DecidedAlone>;

/** `omitted`: of what did not fit. */
export const GateReport = closed({
  running: Type.Array(RunningVm, { maxItems: 512 }),
  exposures: Type.Array(ReportedExposure, { maxItems: 128 }),
  decided: Type.Array(DecidedAlone, { maxItems: 64 }),
  omitted: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
});
export type GateReport = Type.Static<typeof GateReport>;
