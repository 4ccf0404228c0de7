import { Type } from 'typebox';
import { Evidence } from './evidence.ts';
import { base64UrlUpTo, closed, PemCertificate, Timestamp } from './scalars.ts';

/** GET /v1/result on a program's socket: the newest attestation result, a JWT, and when the agent was given it. */
export const ResultAnswer = closed({
  result: Type.String({ maxLength: 1_048_576 }),
  receivedAt: Timestamp,
});
export type ResultAnswer = Type.Static<typeof ResultAnswer>;

/** POST /v1/prove on a program's socket: 16 to 64 bytes that nobody could know before. */
export const ProveQuestion = closed({
  nonce: Type.String({ pattern: '^([0-9a-f]{2}){16,64}$', minLength: 32, maxLength: 128 }),
});
export type ProveQuestion = Type.Static<typeof ProveQuestion>;

/**
 * Evidence of purpose `prove`, made now: a quote whose statement has the nonce, and no challenge. `akPublic` is the
 * TPM2B_PUBLIC of the key that signed it.
 */
export const Proof = closed({
  evidence: Evidence,
  akPublic: base64UrlUpTo(1_024),
  certificates: Type.Array(PemCertificate, { minItems: 1, maxItems: 4 }),
});
export type Proof = Type.Static<typeof Proof>;
