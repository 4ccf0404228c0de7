import { Type } from 'typebox';
import { closed, LineOfText, oneOf, Sha256Hex, Timestamp, Uint32 } from './scalars.ts';

const Validity = { notBefore: Timestamp, notAfter: Timestamp };

/** GET /v1/ca: whose AK certificates the server believes, and how many hosts know so. */
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
      ...Validity,
    }),
    { maxItems: 32 },
  ),
  /** Hosts by the trust bundle that their latest statement has shown. */
  trustBundle: closed({
    epoch: Uint32,
    notAfter: Timestamp,
    hostsThere: Type.Integer({ minimum: 0 }),
    hostsBehind: Type.Integer({ minimum: 0 }),
  }),
});
export type CaStatus = Type.Static<typeof CaStatus>;
