import { Type } from 'typebox';
import { closed, LineOfText, Sha256Hex } from './scalars.ts';

const KeyId = Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 });

/** A revocation list that counts. Partition 0 is of certificates that name no list. */
export const CrlIndexEntry = closed({
  issuerKeyId: KeyId,
  partition: Type.Integer({ minimum: 0, maximum: 999_999_999 }),
  /** As the list and its certificates have it: GET there, or /v1/crls/{issuerKeyId}/{partition}. */
  url: Type.Union([Type.String({ maxLength: 1_024 }), Type.Null()]),
  /** CRL number, which rises. */
  number: Type.String({ pattern: '^[0-9]{1,20}$', maxLength: 20 }),
  /** Of the DER. */
  sha256: Sha256Hex,
});
export type CrlIndexEntry = Type.Static<typeof CrlIndexEntry>;

/** GET /v1/crls at the CA: all lists of issuers that are believed. */
export const CrlIndex = closed({
  schema: Type.Literal('touchstone/crl-index/1'),
  lists: Type.Array(CrlIndexEntry, { maxItems: 10_000 }),
});
export type CrlIndex = Type.Static<typeof CrlIndex>;

/** POST /v1/operator/revocations at the CA: for good. */
export const RevocationRequest = closed({ ekRef: Sha256Hex, reason: LineOfText(512) });
export type RevocationRequest = Type.Static<typeof RevocationRequest>;

/** `revoked`: certificates that had not ended. `listed`: the revocation lists have them all. */
export const Revocation = closed({
  ekRef: Sha256Hex,
  revoked: Type.Integer({ minimum: 0, maximum: 10_000_000 }),
  listed: Type.Boolean(),
});
export type Revocation = Type.Static<typeof Revocation>;
