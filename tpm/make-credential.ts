import { createCipheriv, createHmac } from 'node:crypto';
import { TPMA_OBJECT } from './constants.ts';
import { type BankName, hashOfBank, isStrongHash } from './hash.ts';
import { kdfa } from './kdfa.ts';
import { malformed } from './malformed.ts';
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
const NOTHING = new Uint8Array();

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
  const keyBits = storageKeyBits(ek);
  if (credential.length < 1 || credential.length > hashOfBank(ek.nameAlg).size) {
    throw new RangeError('length of credential');
  }
  const { seed, encryptedSecret } =
    ek.type === 'rsa'
      ? sealSeed(ek, LABEL, input.seed, input.oaepRandom)
      : agreeOnSeed(ek, LABEL, input.ephemeralPrivate);
  return {
    credentialBlob: protect({ hash: ek.nameAlg, keyBits, seed, name, credential }),
    secret: new Writer().sized16(encryptedSecret).finish(),
  };
}

/** Encrypt, then MAC over ciphertext and Name: Part 1, 24.4 and 24.5. */
function protect(input: {
  readonly hash: BankName;
  readonly keyBits: number;
  readonly seed: Uint8Array;
  readonly name: Uint8Array;
  readonly credential: Uint8Array;
}): Uint8Array {
  const { hash, keyBits, seed, name } = input;
  const symmetricKey = kdfa({
    hash,
    key: seed,
    label: 'STORAGE',
    contextU: name,
    contextV: NOTHING,
    bits: keyBits,
  });
  // The IV is zero because the key is used once: it comes from a fresh seed.
  const cipher = createCipheriv(`aes-${keyBits}-cfb`, symmetricKey, new Uint8Array(16));
  const plain = new Writer().sized16(input.credential).finish();
  const encIdentity = Buffer.concat([cipher.update(plain), cipher.final()]);

  const { node, size } = hashOfBank(hash);
  const hmacKey = kdfa({
    hash,
    key: seed,
    label: 'INTEGRITY',
    contextU: NOTHING,
    contextV: NOTHING,
    bits: size * 8,
  });
  const outerHmac = createHmac(node, hmacKey).update(encIdentity).update(name).digest();
  const idObject = new Writer().sized16(outerHmac).bytes(encIdentity).finish();
  return new Writer().sized16(idObject).finish();
}

/** Bits of the symmetric key under which a storage key protects what lies below it. */
function storageKeyBits(pub: TpmtPublic): number {
  const needed = TPMA_OBJECT.restricted | TPMA_OBJECT.decrypt;
  const { symmetric } = pub.parameters;
  if ((pub.objectAttributes & needed) !== needed || symmetric.algorithm === 'null') {
    throw malformed('UNSUITABLE_KEY', 'ekPublic', 0, 'not a storage key');
  }
  if (!isStrongHash(pub.nameAlg)) {
    throw malformed('UNSUITABLE_KEY', 'ekPublic.nameAlg', 0, pub.nameAlg);
  }
  if (pub.type === 'rsa' && pub.parameters.keyBits < 2048) {
    throw malformed('UNSUITABLE_KEY', 'ekPublic.parameters.keyBits', 0, 'RSA-1024');
  }
  return symmetric.keyBits;
}
