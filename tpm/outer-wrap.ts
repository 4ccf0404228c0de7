import { createCipheriv, createHmac } from 'node:crypto';
import { TPMA_OBJECT } from './constants.ts';
import { hashOfBank, isStrongHash } from './hash.ts';
import { kdfa } from './kdfa.ts';
import { malformed } from './malformed.ts';
import type { TpmtPublic } from './tpmt-public.ts';
import { Writer } from './writer.ts';

const NOTHING = new Uint8Array();

/**
 * What a storage key protects by a seed it shares: encrypted, then a MAC over ciphertext and Name, as a credential and
 * as an object that is imported are (Part 1, 24.4, 24.5 and 23.3.2.3). Gives TPM2B_DIGEST, then the ciphertext.
 */
export function outerWrap(input: {
  readonly storageKey: TpmtPublic;
  readonly keyBits: number;
  readonly seed: Uint8Array;
  /** Of the object that it is about. */
  readonly name: Uint8Array;
  readonly plain: Uint8Array;
}): Uint8Array {
  const { seed: key, name, keyBits } = input;
  const { nameAlg: hash } = input.storageKey;
  const symmetricKey = kdfa({
    ...{ hash, key, label: 'STORAGE', bits: keyBits },
    ...{ contextU: name, contextV: NOTHING },
  });
  // The IV is zero because the key is used once: it comes from a fresh seed.
  const cipher = createCipheriv(`aes-${keyBits}-cfb`, symmetricKey, new Uint8Array(16));
  const encrypted = Buffer.concat([cipher.update(input.plain), cipher.final()]);
  symmetricKey.fill(0);

  const { node, size } = hashOfBank(hash);
  const hmacKey = kdfa({
    ...{ hash, key, label: 'INTEGRITY', bits: size * 8 },
    ...{ contextU: NOTHING, contextV: NOTHING },
  });
  const outerHmac = createHmac(node, hmacKey).update(encrypted).update(name).digest();
  return new Writer().sized16(outerHmac).bytes(encrypted).finish();
}

/**
 * Bits of the symmetric key under which a storage key protects what lies below it. Throws ParseError UNSUITABLE_KEY for
 * a key that is no storage key of at least RSA-2048 or P-256 with SHA-256.
 */
export function storageKeyBits(pub: TpmtPublic, field: string): number {
  const needed = TPMA_OBJECT.restricted | TPMA_OBJECT.decrypt;
  const { symmetric } = pub.parameters;
  if ((pub.objectAttributes & needed) !== needed || symmetric.algorithm === 'null') {
    throw malformed('UNSUITABLE_KEY', field, 0, 'not a storage key');
  }
  if (!isStrongHash(pub.nameAlg)) {
    throw malformed('UNSUITABLE_KEY', `${field}.nameAlg`, 0, pub.nameAlg);
  }
  if (pub.type === 'rsa' && pub.parameters.keyBits < 2048) {
    throw malformed('UNSUITABLE_KEY', `${field}.parameters.keyBits`, 0, 'RSA-1024');
  }
  return symmetric.keyBits;
}
