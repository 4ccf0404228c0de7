import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  type BankName,
  EK_TEMPLATE_RSA2048,
  encodeTpmtSignature,
  hashOfBank,
  type TpmtPublic,
} from '@touchstone/tpm';

/** A key that says it is a TPM's: its private part is in our hands. */
export type ForgedKey<P extends TpmtPublic = TpmtPublic> = {
  readonly public: P;
  readonly privateKey: KeyObject;
};

export type Signing = { readonly sigAlg?: 'ecdsa' | 'rsassa' | 'rsapss'; readonly hash?: BankName };

/** The EK of template L-1. */
export function forgedEk(
  privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
) {
  const pair = { privateKey, publicKey: createPublicKey(privateKey) };
  const { n = '' } = pair.publicKey.export({ format: 'jwk' });
  return { ...pair, public: { ...EK_TEMPLATE_RSA2048, unique: fromBase64Url(n) } };
}

/** Curve, and the hash that its AK signs with. */
const CURVES = {
  'P-256': { curve: 'nist_p256', hash: 'sha256' },
  'P-384': { curve: 'nist_p384', hash: 'sha384' },
  'P-521': { curve: 'nist_p521', hash: 'sha512' },
} as const;

/** `short` leaves leading zeros of a coordinate out, as some TPMs do; there is at least one. */
export function forgedEccAk(short?: 'x' | 'y', named: keyof typeof CURVES = 'P-256'): ForgedKey {
  const { curve, hash } = CURVES[named];
  for (;;) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: named });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const unique = { x: fromBase64Url(x), y: fromBase64Url(y) };
    if (short !== undefined && unique[short][0] !== 0) continue;
    const left = short === undefined ? unique : { ...unique, [short]: withoutZeros(unique[short]) };
    const scheme = { scheme: 'ecdsa', hash } as const;
    const parameters = { ...AK_TEMPLATE_ECC_P256.parameters, curve, scheme };
    return { public: { ...AK_TEMPLATE_ECC_P256, parameters, unique: left }, privateKey };
  }
}

export function forgedRsaAk(
  bits: 1024 | 2048 = 2048,
  scheme: 'rsassa' | 'rsapss' = 'rsassa',
): ForgedKey {
  return rsaAkOf(generateKeyPairSync('rsa', { modulusLength: bits }).privateKey, bits, scheme);
}

/** Of a key that was made otherwise. */
export function rsaAkOf(
  privateKey: KeyObject,
  bits: 1024 | 2048 = 2048,
  scheme: 'rsassa' | 'rsapss' = 'rsassa',
): ForgedKey {
  const { n = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const { parameters } = AK_TEMPLATE_RSA2048;
  return {
    public: {
      ...AK_TEMPLATE_RSA2048,
      parameters: { ...parameters, scheme: { scheme, hash: 'sha256' }, keyBits: bits },
      unique: fromBase64Url(n),
    },
    privateKey,
  };
}

/** TPMT_SIGNATURE over the message, by the key's own scheme unless another is named. */
export function signedBy(key: ForgedKey, message: Uint8Array, signing: Signing = {}): Uint8Array {
  const own = ownScheme(key);
  const { sigAlg = own.sigAlg, hash = own.hash } = signing;
  const digest = hashOfBank(hash).node;
  if (sigAlg === 'ecdsa') {
    const rs = sign(digest, message, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
    const [r, s] = [rs.subarray(0, rs.length / 2), rs.subarray(rs.length / 2)];
    return encodeTpmtSignature({ sigAlg, hash, r, s });
  }
  // RSA_PKCS1_PADDING and RSA_PKCS1_PSS_PADDING.
  const padding = sigAlg === 'rsassa' ? 1 : 6;
  const sig = sign(digest, message, { key: key.privateKey, padding });
  return encodeTpmtSignature({ sigAlg, hash, sig });
}

function ownScheme({ public: { type, parameters } }: ForgedKey): Required<Signing> {
  const { scheme } = parameters;
  if (scheme.scheme === 'rsassa' || scheme.scheme === 'rsapss' || scheme.scheme === 'ecdsa') {
    return { sigAlg: scheme.scheme, hash: scheme.hash };
  }
  throw new TypeError(`an ${type} key that does not sign`);
}

export function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(first === -1 ? bytes.length : first);
}

const fromBase64Url = (text: string): Uint8Array => Buffer.from(text, 'base64url');
