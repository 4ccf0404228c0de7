import { Type } from 'typebox';
import { closed, Code, LineOfText, mapOf, Sha256Hex, Uuid } from './scalars.ts';
import { AssuranceClass, HostState } from './classes.ts';
import { Operation } from './evidence.ts';
import { Finding } from './finding.ts';
import { Verdict } from './result.ts';
import { AkKind, EkKind } from './tpm-keys.ts';

/** POST /v1/starts on the agent's unix socket: may this command start this VM now? */
export const StartQuestion = closed({
  vm: Uuid,
  operation: Operation,
  workingDirectory: Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 4_096 }),
  command: Type.Array(Type.String({ pattern: '^[^\\u0000]*$', maxLength: 32_768 }), {
    minItems: 1,
    maxItems: 1_024,
  }),
  /** The whole environment of the command, and not what is added to another. */
  environment: mapOf(
    '^[A-Za-z_][A-Za-z0-9_]{0,127}$',
    Type.String({ pattern: '^[^\\u0000]*$', maxLength: 32_768 }),
    256,
  ),
});
export type StartQuestion = Type.Static<typeof StartQuestion>;

/** Only `permitted`, for the VM that was asked about, starts anything; every other answer is a no. */
export const StartAnswer = Type.Union([
  closed({
    decision: Type.Literal('permitted'),
    requestId: Uuid,
    permitId: Uuid,
    vm: Uuid,
    definitionDigest: Sha256Hex,
  }),
  closed({
    decision: Type.Literal('refused'),
    requestId: Uuid,
    vm: Uuid,
    code: Code,
    findings: Type.Array(Finding, { minItems: 1, maxItems: 256 }),
  }),
]);
export type StartAnswer = Type.Static<typeof StartAnswer>;

/** GET /v1/status on the agent's unix socket. `tpm.device` is null for a software TPM. */
export const AgentStatus = closed({
  hostId: Type.Union([Uuid, Type.Null()]),
  class: Type.Union([AssuranceClass, Type.Null()]),
  tpm: closed({
    device: Type.Union([LineOfText(1_024), Type.Null()]),
    ek: Type.Union([EkKind, Type.Null()]),
    ak: AkKind,
  }),
  server: LineOfText(512),
  state: Type.Union([HostState, Type.Null()]),
  verdict: Type.Union([Verdict, Type.Null()]),
  lastAttestedAt: Type.Union([LineOfText(32), Type.Null()]),
  lastError: Type.Union([closed({ code: Code, detail: LineOfText(1_024) }), Type.Null()]),
});
export type AgentStatus = Type.Static<typeof AgentStatus>;
