import { Type } from 'typebox';
import { closed, Code, LineOfText, oneOf } from './scalars.ts';

/** One thing that `touchstone-agent doctor` looked at. A `warning` will be, or may be, a `fault`. */
export const AgentCheck = closed({
  /** OK, or the literal code of what is wrong. */
  code: Code,
  subject: LineOfText(64),
  outcome: oneOf('ok', 'warning', 'fault'),
  detail: LineOfText(1_024),
  /** Null where there is nothing to do. */
  remedy: Type.Union([LineOfText(1_024), Type.Null()]),
});
export type AgentCheck = Type.Static<typeof AgentCheck>;

/** GET /v1/checks/tpm on the agent's unix socket: its TPM, looked at by the one process that talks to it. */
export const AgentChecks = closed({ checks: Type.Array(AgentCheck, { maxItems: 64 }) });
export type AgentChecks = Type.Static<typeof AgentChecks>;
