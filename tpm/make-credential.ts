import { hashOfBank } from './hash.ts';
import { outerWrap, storageKeyBits } from './outer-wrap.ts';
import { agreeOnSeed, sealSeed } from './shared-seed.ts';
import type { TpmtPublic } from './tpmt-public.ts';
import { Writer } from './writer.ts';

export type Credential = {
  /** TPM2B_ID_OBJECT, its size field included. */
  readonly credentialBlob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET, its size field included. */
  readonly secret: Uint8Array;
};

const LABEL = 'IDENTITY';

/**
 * TPM2_MakeCredential in software: Part 1, 24 and Part 3, 12.6. Only the TPM that holds the private part
 * of `ekPublic` and has an object with the Name `name` loaded can release `credential`.
 *
 * `seed` is fresh random bytes, as long as the digest of the EK's nameAlg (16 at the least). It counts for
 * an RSA EK; an ECC EK's seed comes out of a key agreement and this one plays no part. `oaepRandom` and
 * `ephemeralPrivate` are drawn by node:crypto where they are not given, as known answers give them.
 *
 * Throws ParseError UNSUITABLE_KEY for a key that is no storage key of at least RSA-2048 or P-256 with
 * SHA-256, and publicKeyOf's for a broken one.
 */
export function makeCredential(input: {
  readonly ekPublic: TpmtPublic;
  readonly name: Uint8Array;
  readonly credential: Uint8Array;
  readonly seed: Uint8Array;
  readonly oaepRandom?: Uint8Array;
  readonly ephemeralPrivate?: Uint8Array;
}): Credential {
  const { ekPublic: ek, name, credential } = input;
  const keyBits = storageKeyBits(ek, 'ekPublic');
  if (credential.length < 1 || credential.length > hashOfBank(ek.nameAlg).size) {
    throw new RangeError('length of credential');
  }
  const { seed, encryptedSecret } =
    ek.type === 'rsa'
      ? sealSeed(ek, LABEL, input.seed, input.oaepRandom)
      : agreeOnSeed(ek, LABEL, input.ephemeralPrivate);
  const plain = new Writer().sized16(credential).finish();
  const idObject = outerWrap({ storageKey: ek, keyBits, seed, name, plain });
  return {
    credentialBlob: new Writer().sized16(idObject).finish(),
    secret: new Writer().sized16(encryptedSecret).finish(),
  };
}
