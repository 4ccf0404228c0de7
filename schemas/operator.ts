import { Type } from 'typebox';
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
import { Labels } from './labels.ts';
import { AssuranceClass, AssuranceClasses, HostState, Role } from './classes.ts';
import { Baseline, BaselinePart } from './baseline.ts';
import { BASELINE_JSON_MAX_BYTES, BASELINE_YAML_MAX_BYTES } from './baseline-text.ts';
import { BootState } from './boot-state.ts';
import { Finding } from './finding.ts';
import { BootCounters } from './boot-counters.ts';
import { nextCursor } from './paging.ts';
import { Verdict } from './result.ts';

/** GET /v1/session: who the bearer token is, and the quorum that loosening takes. */
export const Session = closed({
  tokenId: Uuid,
  name: Slug,
  /** Whose the token is: two tokens of one person are one voice. */
  person: Slug,
  roles: Type.Array(Role, { maxItems: 4 }),
  quorum: Type.Integer({ minimum: 1, maximum: 2 }),
  server: LineOfText(512),
  /** Observe mode lasts until then. */
  observedUntil: Type.Optional(Timestamp),
});
export type Session = Type.Static<typeof Session>;

/** A host as a list shows it. `since` is when the shown state began. */
export const HostSummary = closed({
  id: Uuid,
  name: Slug,
  state: HostState,
  stateBeneath: HostState,
  since: Timestamp,
  class: AssuranceClass,
  selfReportedMeasurements: Type.Boolean(),
  labels: Labels,
  verdict: Type.Union([Verdict, Type.Null()]),
  reason: Type.Union([closed({ code: Code, subject: LineOfText(1_200) }), Type.Null()]),
  lastAuthenticAt: Type.Union([Timestamp, Type.Null()]),
  akName: NameHex,
});
export type HostSummary = Type.Static<typeof HostSummary>;

/** GET /v1/hosts. */
export const HostList = closed({ hosts: Type.Array(HostSummary, { maxItems: 1_000 }), nextCursor });
export type HostList = Type.Static<typeof HostList>;

/** GET /v1/hosts/{id}. */
export const HostDetail = closed({
  host: HostSummary,
  admissibleClasses: Type.Array(AssuranceClass, { maxItems: 4 }),
  approvedAkName: Type.Union([NameHex, Type.Null()]),
  ekRef: Sha256Hex,
  /** No root vouches for its TPM: an operator of the CA said of which class it is. */
  pinned: Type.Optional(Type.Literal(true)),
  enrolledAt: Timestamp,
  boot: Type.Union([BootCounters, Type.Null()]),
  /** The newest trust bundle that it has acknowledged. */
  bundleEpoch: Type.Integer({ minimum: 1 }),
  bootState: Type.Optional(BootState),
});
export type HostDetail = Type.Static<typeof HostDetail>;

/** One measured event as the verifier read it. `name` is believed data or absent. */
export const MeasuredEvent = closed({
  index: Type.Integer({ minimum: 0 }),
  pcr: Type.Integer({ minimum: 0 }),
  type: LineOfText(64),
  digest: LineOfText(128),
  name: Type.Optional(LineOfText(1_024)),
  verdict: oneOf('expected', 'unexpected', 'unchecked'),
});
export type MeasuredEvent = Type.Static<typeof MeasuredEvent>;

/** GET /v1/hosts/{id}/explanation: the last appraisal in full. */
export const HostExplanation = closed({
  host: HostSummary,
  verdict: Type.Union([Verdict, Type.Null()]),
  findings: Type.Array(Finding, { maxItems: 256 }),
  events: Type.Array(MeasuredEvent, { maxItems: 4_096 }),
  baselines: Type.Array(
    closed({ part: BaselinePart, name: Slug, version: Type.Integer({ minimum: 1 }) }),
    { maxItems: 64 },
  ),
  appraisedAt: Type.Union([Timestamp, Type.Null()]),
  bootState: Type.Optional(BootState),
});
export type HostExplanation = Type.Static<typeof HostExplanation>;

/**
 * POST /v1/hosts/{id}/approval, and /v1/replacements/{id}/approval for an offered identity. What is approved is
 * this AK Name; without labels the host keeps its own.
 */
export const HostApproval = closed({
  akName: NameHex,
  classes: AssuranceClasses,
  labels: Type.Optional(Labels),
});
export type HostApproval = Type.Static<typeof HostApproval>;

/** POST /v1/hosts/{id}/revocation. */
export const HostRevocation = closed({ reason: LineOfText(512) });
export type HostRevocation = Type.Static<typeof HostRevocation>;

/** POST /v1/hosts/{id}/baseline: draft documents from the host's last authentic evidence. */
export const BaselineCapture = closed({
  name: Slug,
  labels: Type.Optional(Labels),
  acceptUnverified: Type.Optional(Type.Boolean()),
});
export type BaselineCapture = Type.Static<typeof BaselineCapture>;

/** `window`: accepted beside the active one of its name and part, for as long as an update window is open. */
export const BaselineState = oneOf('draft', 'window', 'active', 'retired');

/** A baseline document with where it stands; `yaml` is what people review. */
export const BaselineRecord = closed({
  baseline: Baseline,
  yaml: Type.String({ maxLength: BASELINE_YAML_MAX_BYTES }),
  state: BaselineState,
  draftedBy: LineOfText(64),
  draftedAt: Timestamp,
  approvedBy: Type.Union([LineOfText(64), Type.Null()]),
  approvedAt: Type.Union([Timestamp, Type.Null()]),
});
export type BaselineRecord = Type.Static<typeof BaselineRecord>;

/** GET /v1/baselines[?name=], and the answers to drafting and approving. */
export const BaselineList = closed({
  baselines: Type.Array(BaselineRecord, { maxItems: 1_000 }),
  changedHosts: Type.Optional(
    Type.Array(closed({ id: Uuid, name: Slug, from: HostState, to: HostState }), {
      maxItems: 1_000,
    }),
  ),
  /** Of documents that were drafted now: what in them no evidence can ever have. */
  warnings: Type.Optional(Type.Array(Finding, { maxItems: 256 })),
  nextCursor,
});
export type BaselineList = Type.Static<typeof BaselineList>;

/**
 * POST /v1/baselines: one or more YAML documents, of BASELINE_YAML_MAX_BYTES at most. What is longer, and no longer than a
 * body may be, is refused by a code that says so.
 */
export const BaselineDraft = closed({
  yaml: Type.String({ minLength: 1, maxLength: BASELINE_JSON_MAX_BYTES }),
});
export type BaselineDraft = Type.Static<typeof BaselineDraft>;

/** POST /v1/baselines/{name}/approval: the drafts of that name, or one part or version of it. */
export const BaselineApproval = closed({
  part: Type.Optional(BaselinePart),
  version: Type.Optional(Type.Integer({ minimum: 1 })),
});
export type BaselineApproval = Type.Static<typeof BaselineApproval>;

/**
 * POST /v1/join-tokens. One use by default. `approve` false: the token admits the host, and a person
 * still approves its AK Name.
 */
export const JoinTokenRequest = closed({
  classes: AssuranceClasses,
  labels: Labels,
  uses: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  ttlSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 2_592_000 })),
  approve: Type.Optional(Type.Boolean()),
  /** Only the host that enrols under this name may use it. */
  host: Type.Optional(Slug),
});
export type JoinTokenRequest = Type.Static<typeof JoinTokenRequest>;

export const JoinToken = closed({
  id: Uuid,
  classes: AssuranceClasses,
  labels: Labels,
  usesLeft: Type.Integer({ minimum: 0 }),
  approve: Type.Boolean(),
  host: Type.Union([Slug, Type.Null()]),
  createdBy: LineOfText(64),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  revokedAt: Type.Union([Timestamp, Type.Null()]),
});
export type JoinToken = Type.Static<typeof JoinToken>;

/** The only answer that ever holds the secret. */
export const JoinTokenCreated = closed({
  token: Type.String({ maxLength: 132 }),
  record: JoinToken,
});
export type JoinTokenCreated = Type.Static<typeof JoinTokenCreated>;

export const JoinTokenList = closed({
  tokens: Type.Array(JoinToken, { maxItems: 1_000 }),
  nextCursor,
});
export type JoinTokenList = Type.Static<typeof JoinTokenList>;

/**
 * POST /v1/tokens: nobody can hand out a role that they do not hold. `person` is whose it is: the maker's own, unless
 * stated.
 */
export const ApiTokenRequest = closed({
  name: Slug,
  person: Type.Optional(Slug),
  roles: Type.Array(Role, { minItems: 1, maxItems: 4, uniqueItems: true }),
  ttlSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 31_536_000 })),
});
export type ApiTokenRequest = Type.Static<typeof ApiTokenRequest>;

export const ApiToken = closed({
  id: Uuid,
  name: Slug,
  person: Slug,
  roles: Type.Array(Role, { maxItems: 4 }),
  createdAt: Timestamp,
  expiresAt: Type.Union([Timestamp, Type.Null()]),
  revokedAt: Type.Union([Timestamp, Type.Null()]),
});
export type ApiToken = Type.Static<typeof ApiToken>;

/** GET /v1/tokens/ID/made: live tokens that a token made, or that those made. */
export const TokensMade = closed({
  tokens: Type.Array(ApiToken, { maxItems: 100_000 }),
  joinTokens: Type.Array(JoinToken, { maxItems: 100_000 }),
});
export type TokensMade = Type.Static<typeof TokensMade>;

/** DELETE /v1/tokens/ID/made: the token is revoked, and all of these as well. */
export const TokenRevocation = closed({
  record: ApiToken,
  tokens: Type.Array(ApiToken, { maxItems: 100_000 }),
  joinTokens: Type.Array(JoinToken, { maxItems: 100_000 }),
});
export type TokenRevocation = Type.Static<typeof TokenRevocation>;

export const ApiTokenCreated = closed({ token: Type.String({ maxLength: 132 }), record: ApiToken });
export type ApiTokenCreated = Type.Static<typeof ApiTokenCreated>;

export const ApiTokenList = closed({
  tokens: Type.Array(ApiToken, { maxItems: 1_000 }),
  nextCursor,
});
export type ApiTokenList = Type.Static<typeof ApiTokenList>;

/** One line of the audit log. `hash` chains it to the line before. */
export const AuditEntry = closed({
  sequence: Type.Integer({ minimum: 1 }),
  at: Timestamp,
  actor: LineOfText(128),
  action: LineOfText(64),
  subject: LineOfText(256),
  detail: LineOfText(2_048),
  hash: Sha256Hex,
});
export type AuditEntry = Type.Static<typeof AuditEntry>;

/** Oldest first; the first page is the latest, and the cursor leads to what was before. */
export const AuditList = closed({
  entries: Type.Array(AuditEntry, { maxItems: 1_000 }),
  nextCursor,
});
export type AuditList = Type.Static<typeof AuditList>;

/** GET /v1/health at the server and the CA, GET /v1/ready at the server. */
export const Health = closed({
  status: oneOf('ok', 'unavailable'),
  reason: Type.Optional(LineOfText(512)),
});
export type Health = Type.Static<typeof Health>;
