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
import { BootState } from './boot-state.ts';
import { AssuranceClass, HostState } from './classes.ts';
import { MAX_PERMITS, Purpose, StartRequest } from './evidence.ts';
import { Finding } from './finding.ts';
import { ImaPosition } from './ima-position.ts';
import { BootCounters } from './boot-counters.ts';
import { Mandates } from './mandates.ts';
import { ReleaseKey, SealedDiskKey } from './release.ts';

/** AR4SI trustworthiness tiers, as EAR spells them (draft-ietf-rats-ear, section 3.2). */
export const Verdict = oneOf('none', 'affirming', 'warning', 'contraindicated');
export type Verdict = Type.Static<typeof Verdict>;

const TrustClaim = Type.Integer({ minimum: -128, maximum: 127 });

/** AR4SI trustworthiness vector (draft-ietf-rats-ar4si, section 2.3). 0 makes no claim. */
export const TrustVector = closed({
  'instance-identity': TrustClaim,
  configuration: TrustClaim,
  executables: TrustClaim,
  hardware: TrustClaim,
});
export type TrustVector = Type.Static<typeof TrustVector>;

/** One baseline document that was held against the evidence. */
export const BaselineReference = closed({
  part: LineOfText(32),
  name: Slug,
  version: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
});
export type BaselineReference = Type.Static<typeof BaselineReference>;

/**
 * How a host stands to an update window: `ahead`, it shows what the window brings; `behind`, what was approved
 * before; `neither`, what fits neither. From `until` on only what the window brings is accepted.
 */
export const WindowStanding = closed({
  id: LineOfText(64),
  name: LineOfText(128),
  until: Timestamp,
  state: oneOf('ahead', 'behind', 'neither'),
});
export type WindowStanding = Type.Static<typeof WindowStanding>;

/**
 * What is known of the TPM itself. `maker` is who vouches for it, by the CA's word; `pinned`: an operator's word gave it
 * its class. `firmware` is what the TPM signed, in words of 16 bits.
 */
const TpmStanding = closed({
  maker: Type.Optional(LineOfText(16)),
  pinned: Type.Optional(Type.Literal(true)),
  firmware: Type.String({ pattern: '^[0-9]{1,5}(\\.[0-9]{1,5}){3}$', maxLength: 23 }),
  /** By their names in the ledger. */
  advisories: Type.Array(LineOfText(64), { maxItems: 64 }),
});

/** Claims of the attestation result: a JWT in the shape of EAR, typ `touchstone-result+jwt`. */
export const ResultClaims = closed({
  eat_profile: Type.Literal('tag:touchstone,2026:result/1'),
  iss: LineOfText(512),
  sub: Uuid,
  jti: Uuid,
  iat: Type.Integer({ minimum: 0 }),
  exp: Type.Integer({ minimum: 0 }),
  'ear.verifier-id': closed({ developer: LineOfText(128), build: LineOfText(128) }),
  submods: closed({
    host: closed({
      'ear.status': Verdict,
      'ear.trustworthiness-vector': TrustVector,
      'ear.appraisal-policy-id': LineOfText(512),
      'touchstone.purpose': Purpose,
      'touchstone.state': HostState,
      'touchstone.class': AssuranceClass,
      /** The class as the AK's certificate has it, an OID under our arc. */
      'touchstone.class-policy': Type.Optional(
        Type.String({ pattern: '^2\\.25(\\.[0-9]{1,39}){1,4}$', maxLength: 64 }),
      ),
      'touchstone.tpm': Type.Optional(TpmStanding),
      'touchstone.self-reported-measurements': Type.Boolean(),
      'touchstone.ak-name': NameHex,
      'touchstone.evidence': Sha256Hex,
      'touchstone.boot': BootCounters,
      /** Absent in results of releases before it. */
      'touchstone.boot-state': Type.Optional(BootState),
      'touchstone.baselines': Type.Array(BaselineReference, { maxItems: 64 }),
      'touchstone.windows': Type.Optional(Type.Array(WindowStanding, { maxItems: 64 })),
      'touchstone.findings': Type.Array(Finding, { maxItems: 256 }),
      'touchstone.findings-omitted': Type.Integer({ minimum: 0 }),
    }),
  }),
});
export type ResultClaims = Type.Static<typeof ResultClaims>;

/** Answer to POST /v1/evidence and, with `answers`, to POST /v1/permits. */
export const EvidenceAnswer = closed({
  result: Type.String({ maxLength: 1_048_576 }),
  state: HostState,
  verdict: Verdict,
  intervalSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  mandates: Type.Optional(Mandates),
  ima: Type.Optional(ImaPosition),
});
export type EvidenceAnswer = Type.Static<typeof EvidenceAnswer>;

/**
 * Claims of a permit: the single-use right to start one VM; typ `touchstone-permit+jwt`.
 * `aud` is the AK Name. `exp` is 60 s after `iat` by the server's clock; the agent decides by the
 * TPM's counters and its own boot-time clock.
 */
export const PermitClaims = closed({
  iss: LineOfText(512),
  aud: NameHex,
  jti: Uuid,
  iat: Type.Integer({ minimum: 0 }),
  exp: Type.Integer({ minimum: 0 }),
  'touchstone.host': Uuid,
  'touchstone.challenge': Type.String({ maxLength: 88 }),
  'touchstone.boot': BootCounters,
  'touchstone.request': StartRequest,
  'touchstone.policy': LineOfText(512),
  /** The release blob that belongs to it, and no other is imported: SHA-256 over its parts (`ReleaseKey`). */
  'touchstone.release': Type.Optional(Sha256Hex),
  /** In observe mode: for these codes it would have been refused. No disk key comes with it. */
  'touchstone.observed': Type.Optional(Type.Array(Code, { minItems: 1, maxItems: 64 })),
});
export type PermitClaims = Type.Static<typeof PermitClaims>;

/** A refusal names every reason. `code` is the first enforced finding's. */
export const PermitAnswer = Type.Union([
  closed({
    requestId: Uuid,
    permit: Type.String({ maxLength: 16_384 }),
    keys: Type.Optional(Type.Array(SealedDiskKey, { minItems: 1, maxItems: 64 })),
  }),
  closed({
    requestId: Uuid,
    refusal: closed({ code: Code, findings: Type.Array(Finding, { minItems: 1, maxItems: 256 }) }),
  }),
]);
export type PermitAnswer = Type.Static<typeof PermitAnswer>;

export const PermitsAnswer = closed({
  result: Type.String({ maxLength: 1_048_576 }),
  state: HostState,
  verdict: Verdict,
  answers: Type.Array(PermitAnswer, { minItems: 1, maxItems: MAX_PERMITS }),
  /** For all `keys` of the answers. */
  release: Type.Optional(ReleaseKey),
  mandates: Type.Optional(Mandates),
  ima: Type.Optional(ImaPosition),
});
export type PermitsAnswer = Type.Static<typeof PermitsAnswer>;
