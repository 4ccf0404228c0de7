import { Type } from 'typebox';
import { HostState } from './classes.ts';
import { SigningJwk } from './enrolment.ts';
import { closed, LineOfText, Sha256Hex, Slug, Timestamp, Uint32 } from './scalars.ts';

const Count = Type.Integer({ minimum: 0, maximum: 10_000_000 });

/** A host by its name at the server and its `ekRef`. `away`: no authentic evidence for three intervals. */
export const NamedHost = closed({
  name: Slug,
  ekRef: Sha256Hex,
  state: HostState,
  away: Type.Boolean(),
  lastSeen: Type.Union([Timestamp, Type.Null()]),
});

export type NamedHost = Type.Static<typeof NamedHost>;

/** The first of them by name, those that are there before those that are away, and how many there are. */
export const NamedHosts = closed({
  count: Count,
  away: Count,
  named: Type.Array(NamedHost, { maxItems: 100 }),
});
export type NamedHosts = Type.Static<typeof NamedHosts>;

/** VMs by name: records whose latest permit one of some hosts got. */
export const NamedVms = closed({
  count: Count,
  named: Type.Array(LineOfText(128), { maxItems: 100 }),
});
export type NamedVms = Type.Static<typeof NamedVms>;

/**
 * What the server tells the CA of a rotation's way through the fleet, as a JWS (typ `touchstone-ca-progress+jwt`,
 * ES256) by its result key. The CA goes by it for progress and for nothing else. Hosts are those that may attest:
 * neither pending nor revoked.
 */
export const CaProgress = closed({
  schema: Type.Literal('touchstone/ca-progress/1'),
  at: Timestamp,
  /** The newest bundle of the CA's that every replica goes by, or will before it believes a certificate. */
  caEpoch: Uint32,
  trustBundleEpoch: Uint32,
  hosts: Count,
  /** Those whose own statements do not show a trust bundle yet that has the anchors of `caEpoch`. */
  behind: NamedHosts,
  /** By the issuer of the certificate that each host is held to. */
  issuers: Type.Array(
    closed({
      keyId: Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 }),
      hosts: NamedHosts,
      /** VMs on these hosts that a record is gated by. */
      vms: NamedVms,
    }),
    { maxItems: 32 },
  ),
  /** The key that signs these reports from now on. */
  nextKey: Type.Optional(SigningJwk),
});
export type CaProgress = Type.Static<typeof CaProgress>;

/** POST /v1/progress at the CA. */
export const CaProgressReport = closed({ report: Type.String({ maxLength: 262_144 }) });
export type CaProgressReport = Type.Static<typeof CaProgressReport>;

/** The CA's answer: the epoch of its bundle by then. */
export const CaProgressAnswer = closed({ epoch: Uint32 });
export type CaProgressAnswer = Type.Static<typeof CaProgressAnswer>;
