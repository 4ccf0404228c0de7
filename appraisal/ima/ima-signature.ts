import { constants, createHash, type KeyObject, publicDecrypt, verify } from 'node:crypto';
import { ParseError, Reader } from '@touchstone/tpm';
import { verifyPrehashedEcdsa } from './prehashed-ecdsa.ts';

/** struct signature_v2_hdr, as security.ima holds it: Linux, security/integrity/integrity.h. */
export type ImaSignature = {
  /** Version 2 signs the file's digest itself, 3 a structure that names it (struct ima_file_id). */
  readonly version: 2 | 3;
  /** The type of xattr: 3 of the file, 6 of its fs-verity digest. */
  readonly type: number;
  readonly algorithm: 'sha256' | 'sha384' | 'sha512';
  /** Last four bytes of the key's subjectKeyIdentifier, lower-case hex. */
  readonly keyId: string;
  readonly signature: Uint8Array;
};

const EVM_IMA_XATTR_DIGSIG = 3;
const IMA_VERITY_DIGSIG = 6;
/** enum hash_algo, include/uapi/linux/hash_info.h. SHA-1 proves nothing here. */
const ALGORITHMS = { 4: 'sha256', 5: 'sha384', 6: 'sha512' } as const;
const ALGORITHM_NUMBERS = { sha256: 4, sha384: 5, sha512: 6 } as const;

/** Reads security.ima; undefined for what is no signature of a form and hash that prove something here. */
export function readImaSignature(xattr: Uint8Array): ImaSignature | undefined {
  try {
    const reader = new Reader(xattr);
    const type = reader.u8('type');
    const version = reader.u8('version');
    const hashAlgo = reader.u8('hash_algo');
    const keyId = Buffer.from(reader.bytes(4, 'keyid')).toString('hex');
    const signature = reader.bytes(reader.u16('sig_size'), 'sig');
    reader.end('signature_v2_hdr');
    const algorithm = isKnown(hashAlgo) ? ALGORITHMS[hashAlgo] : undefined;
    const known = type === EVM_IMA_XATTR_DIGSIG || (type === IMA_VERITY_DIGSIG && version === 3);
    if (algorithm === undefined || !known || (version !== 2 && version !== 3)) return undefined;
    return { version, type, algorithm, keyId, signature };
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

const isKnown = (hashAlgo: number): hashAlgo is keyof typeof ALGORITHMS =>
  Object.hasOwn(ALGORITHMS, hashAlgo);

/**
 * Whether a key signed a file of this digest:
 * - the digest is of the algorithm that the signature names, and of its size;
 * - RSA: PKCS #1 v1.5, the encoded message is DigestInfo of it and nothing else (RFC 8017, 8.2.2);
 * - ECDSA over P-256, P-384 or secp256k1 (FIPS 186-5, 6.4.2).
 */
export function verifyImaSignature(
  { version, type, algorithm, signature }: ImaSignature,
  digest: { readonly algorithm: string; readonly value: Uint8Array },
  key: KeyObject,
): boolean {
  const { length } = createHash(algorithm).digest();
  if (digest.algorithm !== algorithm || digest.value.length !== length) return false;
  try {
    if (version === 3) {
      const fileId = Buffer.of(type, ALGORITHM_NUMBERS[algorithm], ...digest.value);
      return verify(algorithm, fileId, key, signature);
    }
    if (key.asymmetricKeyType === 'rsa') {
      const { RSA_PKCS1_PADDING: padding } = constants;
      const encoded = publicDecrypt({ key, padding }, signature);
      const wanted = Buffer.concat([Buffer.from(DIGEST_INFO[algorithm], 'hex'), digest.value]);
      return Buffer.compare(encoded, wanted) === 0;
    }
    const pair = readEcdsaPair(signature);
    return pair !== undefined && verifyPrehashedEcdsa(digest.value, key, pair);
  } catch {
    // What OpenSSL cannot take apart is no signature.
    return false;
  }
}

/** Up to the digest's bytes: RFC 8017, 9.2, note 1. */
const DIGEST_INFO = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
} as const;

/** Ecdsa-Sig-Value: RFC 3279, 2.2.3. */
function readEcdsaPair(der: Uint8Array): { r: bigint; s: bigint } | undefined {
  const reader = new Reader(der);
  if (reader.u8('tag') !== 0x30) return undefined;
  const body = reader.window(reader.u8('length'), 'Ecdsa-Sig-Value');
  reader.end('signature');
  const [r, s] = [readInteger(body), readInteger(body)];
  body.end('Ecdsa-Sig-Value');
  return r === undefined || s === undefined ? undefined : { r, s };
}

function readInteger(reader: Reader): bigint | undefined {
  if (reader.u8('tag') !== 0x02) return undefined;
  const bytes = reader.bytes(reader.u8('length'), 'integer');
  const negative = (bytes[0] ?? 0x80) >= 0x80;
  return negative ? undefined : BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
