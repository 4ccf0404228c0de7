import { Type } from 'typebox';
import { DiskName } from './door.ts';
import { Selection } from './evidence.ts';
import { base64UrlUpTo, closed, Sha256Hex, Uuid } from './scalars.ts';

/**
 * A release key, made for one answer alone, as a duplication blob for the host's binding key (TCG Part 1, 23.3; outer
 * wrap only): TPM2B_PUBLIC, TPM2B_PRIVATE, TPM2B_ENCRYPTED_SECRET. Its policy is PolicyPCR(`pcrs`, with the attested
 * values), then PolicySigned by the release key `kid` over the statement's sessionNonce, `expiration` seconds (an INT32)
 * and policyRef = SHA-256(`permitId` as its 36 characters). `signature` is a TPMT_SIGNATURE over
 * SHA-256(nonceTPM, expiration, cpHashA of length 0, policyRef): Part 3, 23.3.
 */
export const ReleaseKey = closed({
  permitId: Uuid,
  kid: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', maxLength: 64 }),
  public: base64UrlUpTo(1_024),
  duplicate: base64UrlUpTo(1_024),
  seed: base64UrlUpTo(1_024),
  pcrs: Selection,
  expiration: Type.Integer({ minimum: 1, maximum: 60 }),
  signature: base64UrlUpTo(1_024),
});
export type ReleaseKey = Type.Static<typeof ReleaseKey>;

/**
 * A disk's key: nonce (12 bytes), AES-256-GCM under the release key, tag (16), with additional data
 * "touchstone/disk-key/1" NUL permit id NUL disk name.
 */
export const SealedDiskKey = closed({ disk: DiskName, sealed: base64UrlUpTo(1_024) });
export type SealedDiskKey = Type.Static<typeof SealedDiskKey>;

/** SHA-256 over `public`, `duplicate` and `seed`, decoded, one after the other: what a permit names. */
export const ReleaseBlobDigest = Sha256Hex;
