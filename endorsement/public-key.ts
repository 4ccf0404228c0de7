import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { DER, DerReader } from './der-reader.ts';
import { derOf, encodeBits, encodeOid, NULL } from './der-writer.ts';
import { readOctetsOfBits, readOid } from './der-types.ts';
import { malformed } from './malformed.ts';

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
/** id-RSAES-OAEP. Some makers name the EK's key so; it is an RSA key like any other. */
const RSAES_OAEP = '1.2.840.113549.1.1.7';

export type SubjectPublicKey = {
  readonly key: KeyObject;
  /** The algorithm was RSAES-OAEP and was read as plain RSA. */
  readonly oaep: boolean;
};

/** SubjectPublicKeyInfo: RFC 5280, 4.1.2.7. Throws ParseError KEY_UNSUPPORTED. */
export function publicKeyOfSpki(spki: Uint8Array): SubjectPublicKey {
  const { algorithm, bits } = readSpki(spki);
  const oaep = algorithm === RSAES_OAEP;
  const plain = oaep
    ? derOf(DER.sequence, derOf(DER.sequence, encodeOid(RSA_ENCRYPTION), NULL), encodeBits(bits))
    : spki;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(plain), format: 'der', type: 'spki' });
  } catch {
    throw malformed('KEY_UNSUPPORTED', 'subjectPublicKeyInfo', 0, algorithm);
  }
  if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'ec') return { key, oaep };
  throw malformed('KEY_UNSUPPORTED', 'subjectPublicKeyInfo', 0, algorithm);
}

/**
 * The key identifier that our CA's certificates carry, in hex: the leftmost 160 bits of SHA-256 over the
 * subjectPublicKey. RFC 7093, 2 (1).
 */
export function keyIdOf(spki: Uint8Array): string {
  const digest = createHash('sha256').update(readSpki(spki).bits).digest();
  return digest.subarray(0, 20).toString('hex');
}

function readSpki(spki: Uint8Array): { readonly algorithm: string; readonly bits: Uint8Array } {
  const whole = new DerReader(spki);
  const fields = whole.sequence('subjectPublicKeyInfo');
  whole.end('subjectPublicKeyInfo');
  const algorithm = readOid(fields.sequence('algorithm'), 'algorithm.algorithm');
  const bits = readOctetsOfBits(fields, 'subjectPublicKey');
  fields.end('subjectPublicKeyInfo');
  return { algorithm, bits };
}
