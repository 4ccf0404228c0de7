import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { DER, DerReader } from './der-reader.ts';
import { derOf, encodeBits, encodeOid, NULL } from './der-writer.ts';
import { readOctetsOfBits, readOid } from './der-types.ts';
import { malformed } from './malformed.ts';

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
/** id-RSAES-OAEP. Some makers name the EK's key so; it is an RSA key like any other. */
const RSAES_OAEP = '1.2.840.113549.1.1.7';

export type SubjectPublicKey = {
  readonly key: KeyObject;
  /** The algorithm was RSAES-OAEP and was read as plain RSA. */
  readonly oaep: boolean;
};

const KEY_TYPES: readonly (string | undefined)[] = ['rsa', 'rsa-pss', 'ec'];
/** The curve of SM2, GB/T 33560: node:crypto reads its keys, and has no name for what they are. */
const SM2_CURVE = '1.2.156.10197.1.301';

/** SubjectPublicKeyInfo: RFC 5280, 4.1.2.7. Throws ParseError KEY_UNSUPPORTED. */
export function publicKeyOfSpki(spki: Uint8Array): SubjectPublicKey {
  const { algorithm, bits, named } = readSpki(spki);
  // A curve that is spelt out could be any, under a generator of the maker's choice: CVE-2020-0601.
  if (!named)
    throw malformed('KEY_UNSUPPORTED', 'subjectPublicKeyInfo', 0, 'a curve without a name');
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
  const known = KEY_TYPES.includes(key.asymmetricKeyType) || isSm2(spki);
  if (known) return { key, oaep };
  throw malformed('KEY_UNSUPPORTED', 'subjectPublicKeyInfo', 0, algorithm);
}

/** NIST's names for its curves; others are called as their own standards call them. */
const NIST_CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** Kind and size of a key in a few words: `RSA-2048`, `ECC P-384`. */
export function keyKindOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === undefined) return 'ECC SM2';
  if (key.asymmetricKeyType === 'ec') {
    return `ECC ${NIST_CURVES[namedCurve ?? ''] ?? namedCurve ?? 'unnamed curve'}`;
  }
  return `RSA-${modulusLength}${key.asymmetricKeyType === 'rsa-pss' ? ' (PSS)' : ''}`;
}

/** Whether a modulus is of fewer bits than are relied on: SP 800-131A, 3. */
export function isShortRsa({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const isRsa = asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss';
  return isRsa && (asymmetricKeyDetails?.modulusLength ?? 0) < 2048;
}

/**
 * The key identifier that our CA's certificates carry, in hex: the leftmost 160 bits of SHA-256 over the
 * subjectPublicKey. RFC 7093, 2 (1).
 */
export function keyIdOf(spki: Uint8Array): string {
  const digest = createHash('sha256').update(readSpki(spki).bits).digest();
  return digest.subarray(0, 20).toString('hex');
}

function readSpki(spki: Uint8Array): {
  readonly algorithm: string;
  readonly bits: Uint8Array;
  /** Whether the curve of a point is named. */
  readonly named: boolean;
} {
  const whole = new DerReader(spki);
  const fields = whole.sequence('subjectPublicKeyInfo');
  whole.end('subjectPublicKeyInfo');
  const identifier = fields.sequence('algorithm');
  const algorithm = readOid(identifier, 'algorithm.algorithm');
  const named = algorithm !== EC_PUBLIC_KEY || identifier.at(DER.oid);
  const bits = readOctetsOfBits(fields, 'subjectPublicKey');
  fields.end('subjectPublicKeyInfo');
  return { algorithm, bits, named };
}

/** Whether an SPKI is of id-ecPublicKey and names the curve of SM2. */
function isSm2(spki: Uint8Array): boolean {
  const algorithm = new DerReader(spki).sequence('subjectPublicKeyInfo').sequence('algorithm');
  return (
    readOid(algorithm, 'algorithm.algorithm') === EC_PUBLIC_KEY &&
    algorithm.at(DER.oid) &&
    readOid(algorithm, 'algorithm.parameters') === SM2_CURVE
  );
}
