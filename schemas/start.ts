import { Type } from 'typebox';
import {
  closed,
  Code,
  hexUpTo,
  LineOfText,
  mapOf,
  oneOf,
  Sha256Hex,
  Timestamp,
  Uuid,
} from './scalars.ts';
import { AssuranceClass, HostState } from './classes.ts';
import { DiskName } from './door.ts';
import { Finding } from './finding.ts';
import { GateReport } from './gate-report.ts';
import { Verdict } from './result.ts';
import { AkKind, EkKind } from './tpm-keys.ts';

/** POST /v1/starts on the agent's unix socket: may this command start this VM now? */
export const StartQuestion = closed({
  /** `run` unless stated. */
  door: Type.Optional(oneOf('run', 'systemd')),
  vm: Uuid,
  /** Of the process that asks, and whose place the command takes. At `run`. */
  pid: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_194_304 })),
  operation: oneOf('start'),
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

/** PID of the libvirtd that called the hook. */
const ProcessNumber = Type.Integer({ minimum: 2, maximum: 4_194_304 });

/** A domain's XML as libvirt hands it to its hook. */
const DomainXml = Type.String({ minLength: 1, maxLength: 1_048_576 });

/** POST /v1/domains/starts on the agent's unix socket, by libvirt's hook at `prepare begin`. Answered by a StartAnswer. */
export const DomainStart = closed({
  name: LineOfText(256),
  domain: DomainXml,
  libvirtd: Type.Optional(ProcessNumber),
});
export type DomainStart = Type.Static<typeof DomainStart>;

/** POST /v1/domains/events, by the same hook at every other of libvirt's verbs. */
export const DomainEvent = closed({
  name: LineOfText(256),
  verb: Type.String({ pattern: '^[a-z]{1,32} [a-z-]{1,32}$', maxLength: 65 }),
  extra: LineOfText(256),
  domain: DomainXml,
  libvirtd: Type.Optional(ProcessNumber),
});
export type DomainEvent = Type.Static<typeof DomainEvent>;

/** `refused` at `started begin` alone: what QEMU has open is not what the permit was for. */
export const DomainEventAnswer = closed({
  outcome: oneOf('noted', 'refused'),
  line: Type.Optional(LineOfText(2_048)),
});
export type DomainEventAnswer = Type.Static<typeof DomainEventAnswer>;

/**
 * Only `permitted`, for the VM that was asked about, starts anything; every other answer is a no. `by` is `permit`
 * unless stated; `permitId` is then the id of the licence or of the mandate. `sealed`: disks whose keys wait, for
 * 15 s and for one who asks.
 */
export const StartAnswer = Type.Union([
  closed({
    decision: Type.Literal('permitted'),
    requestId: Uuid,
    permitId: Uuid,
    vm: Uuid,
    definitionDigest: Sha256Hex,
    by: Type.Optional(oneOf('permit', 'licence', 'observe')),
    sealed: Type.Optional(Type.Array(DiskName, { minItems: 1, maxItems: 64 })),
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

/**
 * POST /v1/starts/{permitId}/keys on the agent's unix socket: the keys of its sealed disks, in hex, once. Not what the
 * disk is encrypted by, if that is LUKS: what opens it.
 */
export const StartKeys = closed({
  keys: Type.Array(closed({ disk: DiskName, key: hexUpTo(1_024) }), { minItems: 1, maxItems: 64 }),
});
export type StartKeys = Type.Static<typeof StartKeys>;

/**
 * What runs on the host, as it tells its server; and what it holds for a time in which that is away: `licences` by
 * number, and until when it observes only.
 */
export const GateStanding = closed({
  running: GateReport.properties.running,
  exposures: GateReport.properties.exposures,
  omitted: GateReport.properties.omitted,
  licences: Type.Integer({ minimum: 0 }),
  observesUntil: Type.Union([Timestamp, Type.Null()]),
});
export type GateStanding = Type.Static<typeof GateStanding>;

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
  /** Absent where there is no door of the gate and no VM. */
  gate: Type.Optional(GateStanding),
});
export type AgentStatus = Type.Static<typeof AgentStatus>;
