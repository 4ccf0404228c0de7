import { Type } from 'typebox';
import { ImaPosition } from './ima-position.ts';
import { closed, Code, LineOfText, oneOf, Uint32 } from './scalars.ts';

/**
 * What a finding does to the verdict: `enforce` makes it contraindicated, `warn` makes it a warning,
 * `observe` is shown and decides nothing.
 */
export const FindingEffect = oneOf('enforce', 'warn', 'observe');
export type FindingEffect = Type.Static<typeof FindingEffect>;

/** Who can apply the remedy. */
export const Actor = oneOf('operator', 'approver', 'host-administrator', 'agent', 'nobody');
export type Actor = Type.Static<typeof Actor>;

/** The measured event that a finding is about. `name` is believed, or says that it is unverified. */
export const FindingEvent = closed({
  index: Uint32,
  pcr: Type.Integer({ minimum: 0, maximum: 23 }),
  type: LineOfText(64),
  name: Type.Optional(LineOfText(1024)),
});

/** One reason for a verdict, with what to do about it. Match on `code`, never on the texts. */
export const Finding = closed({
  code: Code,
  effect: FindingEffect,
  subject: LineOfText(1200),
  expected: Type.Optional(LineOfText(2048)),
  actual: Type.Optional(LineOfText(2048)),
  nearest: Type.Optional(LineOfText(2048)),
  remedy: LineOfText(1024),
  actor: Actor,
  event: Type.Optional(FindingEvent),
});
export type Finding = Type.Static<typeof Finding>;

/** RFC 9457 problem details; `code` is from the answering package's table of codes. */
export const Problem = closed({
  type: LineOfText(256),
  title: LineOfText(256),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  code: Code,
  detail: Type.Optional(LineOfText(2048)),
  field: Type.Optional(LineOfText(256)),
  remedy: Type.Optional(LineOfText(1024)),
  findings: Type.Optional(Type.Array(Finding, { maxItems: 256 })),
  ima: Type.Optional(ImaPosition),
});
export type Problem = Type.Static<typeof Problem>;
