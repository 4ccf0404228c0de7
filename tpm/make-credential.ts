import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { TPMA_OBJECT } from './constants.ts';
import { type BankName, hashOfBank } from './hash.ts';
import { kdfa } from './kdfa.ts';
import { oaepEncrypt } from './oaep.ts';
import { malformed } from './malformed.ts';
import { publicKeyOf } from './public-key.ts';
import type { TpmtPublic, TpmtPublicRsa } from './tpmt-public.ts';
import { Writer } from './writer.ts';

export type Credential = {
  /** TPM2B_ID_OBJECT, its size field included. */
  readonly credentialBlob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET, its size field included. */
  readonly secret: Uint8Array;
};

const LABEL_IDENTITY = Buffer.from('IDENTITY\0', 'ascii');
const NOTHING = new Uint8Array();

/**
 * TPM2_MakeCredential in software: Part 1, 24 and Part 3, 12.6. Only the TPM that holds the private part
 * of `ekPublic` and has an object with the Name `name` loaded can release `credential`.
 *
 * `seed` is fresh random bytes, as long as the digest of the EK's nameAlg (16 at the least). `oaepRandom`, as long
 * as that digest, is drawn here if it is not given: known answers give it. Throws ParseError
 * UNSUITABLE_KEY for a key that is no RSA storage key, and publicKeyOf's for a broken one.
 */
export function makeCredential(input: {
  readonly ekPublic: TpmtPublic;
  readonly name: Uint8Array;
  readonly credential: Uint8Array;
  readonly seed: Uint8Array;
  readonly oaepRandom?: Uint8Array;
}): Credential {
  const { ekPublic, name, credential, seed } = input;
  const { ek, keyBits } = storageKey(ekPublic);
  const digestSize = hashOfBank(ek.nameAlg).size;
  if (seed.length < 16 || seed.length > digestSize) throw new RangeError('length of seed');
  if (credential.length < 1 || credential.length > digestSize) {
    throw new RangeError('length of credential');
  }
  const encryptedSeed = oaepEncrypt({
    key: publicKeyOf(ek),
    modulusBytes: ek.unique.length,
    hash: ek.nameAlg,
    label: LABEL_IDENTITY,
    message: seed,
    seed: input.oaepRandom ?? randomBytes(digestSize),
  });
  return {
    credentialBlob: protect({ hash: ek.nameAlg, keyBits, seed, name, credential }),
    secret: new Writer().sized16(encryptedSeed).finish(),
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

function storageKey(pub: TpmtPublic): { ek: TpmtPublicRsa; keyBits: number } {
  const needed = TPMA_OBJECT.restricted | TPMA_OBJECT.decrypt;
  const { symmetric } = pub.parameters;
  if (pub.type !== 'rsa') throw malformed('UNSUITABLE_KEY', 'ekPublic.type', 0, pub.type);
  if ((pub.objectAttributes & needed) !== needed || symmetric.algorithm === 'null') {
    throw malformed('UNSUITABLE_KEY', 'ekPublic', 0, 'not a storage key');
  }
  return { ek: pub, keyBits: symmetric.keyBits };
}
