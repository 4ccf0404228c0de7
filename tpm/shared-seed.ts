import { createECDH } from 'node:crypto';
import { curveOfName, leftPadded } from './curve.ts';
import { hashOfBank } from './hash.ts';
import { kdfe } from './kdfe.ts';
import { malformed } from './malformed.ts';
import { oaepEncrypt } from './oaep.ts';
import { publicKeyOf } from './public-key.ts';
import type { TpmtPublicEcc, TpmtPublicRsa } from './tpmt-public.ts';
import { Writer } from './writer.ts';

/** A seed, and what lets the holder of a storage key have it too: the inside of TPM2B_ENCRYPTED_SECRET. */
export type SharedSeed = { readonly seed: Uint8Array; readonly encryptedSecret: Uint8Array };

/** Ends the labels of Part 1, B.4, where the NUL counts. */
const NUL = '\0';

/** The seed encrypted to an RSA key with OAEP: Part 1, B.10.3. Throws publicKeyOf's ParseError. */
export function sealSeed(
  key: TpmtPublicRsa,
  label: string,
  seed: Uint8Array,
  oaepRandom: Uint8Array | undefined,
): SharedSeed {
  if (seed.length < 16 || seed.length > hashOfBank(key.nameAlg).size) {
    throw new RangeError('length of seed');
  }
  const encryptedSecret = oaepEncrypt({
    key: publicKeyOf(key),
    modulusBytes: key.unique.length,
    hash: key.nameAlg,
    label: Buffer.from(`${label}${NUL}`, 'ascii'),
    message: seed,
    seed: oaepRandom,
  });
  return { seed, encryptedSecret };
}

/**
 * The seed agreed on with an ECC key by a one-pass Diffie-Hellman, whose ephemeral point is the secret:
 * Part 1, C.6.4. Throws publicKeyOf's ParseError: a point off the curve is never multiplied.
 */
export function agreeOnSeed(
  key: TpmtPublicEcc,
  label: string,
  ephemeralPrivate: Uint8Array | undefined,
): SharedSeed {
  publicKeyOf(key);
  const { openssl, size } = curveOfName(key.parameters.curve);
  const [x, y] = [leftPadded(key.unique.x, size), leftPadded(key.unique.y, size)];
  if (!x || !y) throw malformed('POINT_NOT_ON_CURVE', 'unique', 0);
  const ephemeral = createECDH(openssl);
  if (ephemeralPrivate === undefined) ephemeral.generateKeys();
  else ephemeral.setPrivateKey(ephemeralPrivate);
  // SEC 1, 2.3.3: 04 || x || y.
  const point = Uint8Array.from(ephemeral.getPublicKey());
  const [ownX, ownY] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  const z = leftPadded(ephemeral.computeSecret(Buffer.concat([Uint8Array.of(4), x, y])), size);
  if (!z) throw new RangeError('length of the shared secret');
  const bits = hashOfBank(key.nameAlg).size * 8;
  const seed = kdfe({ hash: key.nameAlg, z, label, partyUInfo: ownX, partyVInfo: x, bits });
  return { seed, encryptedSecret: new Writer().sized16(ownX).sized16(ownY).finish() };
}
