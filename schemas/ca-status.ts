import { Type } from 'typebox';
import { NamedHost, NamedHosts, NamedVms } from './ca-progress.ts';
import { Cursor } from './paging.ts';
import { closed, LineOfText, oneOf, Sha256Hex, Timestamp, Uint32 } from './scalars.ts';

const Validity = { notBefore: Timestamp, notAfter: Timestamp };

/**
 * GET /v1/ca: whose AK certificates the server believes, which hosts have one of whom, and how many know so. Hosts are
 * those that may attest: neither pending nor revoked. Of the issuer that is active they are counted and not named.
 */
export const CaStatus = closed({
  epoch: Uint32,
  anchors: Type.Array(closed({ subject: LineOfText(512), fingerprint: Sha256Hex, ...Validity }), {
    maxItems: 8,
  }),
  issuers: Type.Array(
    closed({
      keyId: Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 }),
      subject: LineOfText(512),
      state: oneOf('active', 'verify-only', 'refused'),
      reason: Type.Union([oneOf('retired', 'compromised'), Type.Null()]),
      ...Validity,
      hosts: NamedHosts,
      vms: NamedVms,
    }),
    { maxItems: 32 },
  ),
  hosts: Type.Integer({ minimum: 0 }),
  /** Hosts by the trust bundle that their latest statement has shown. */
  trustBundle: closed({
    epoch: Uint32,
    notAfter: Timestamp,
    hostsThere: Type.Integer({ minimum: 0 }),
    hostsBehind: Type.Integer({ minimum: 0 }),
    /** Of those the ones that have none yet with all anchors of today. */
    withoutAnchors: NamedHosts,
  }),
});
export type CaStatus = Type.Static<typeof CaStatus>;

/** GET /v1/ca/issuers/{keyId}/hosts, page by page: who has a certificate of this issuer, and the VMs there. */
export const IssuerHosts = closed({
  hosts: Type.Array(
    closed({
      ...NamedHost.properties,
      vms: Type.Array(LineOfText(128), { maxItems: 10_000 }),
    }),
    { maxItems: 1_000 },
  ),
  nextCursor: Type.Optional(Cursor),
});
export type IssuerHosts = Type.Static<typeof IssuerHosts>;
