import { DER } from './der-reader.ts';
import { derOf, encodeOid, encodeUnsigned } from './der-writer.ts';

const PBES2 = '1.2.840.113549.1.5.13';
const SCRYPT = '1.3.6.1.4.1.11591.4.11';
const AES_256_CBC = '2.16.840.1.101.3.4.1.42';

/** scrypt's cost: RFC 7914, 2. */
export type ScryptParameters = {
  readonly salt: Uint8Array;
  /** N, a power of two. */
  readonly cost: number;
  /** r */
  readonly blockSize: number;
  /** p */
  readonly parallelization: number;
};

/**
 * EncryptedPrivateKeyInfo: RFC 5958, 3, by PBES2 (RFC 8018, A.4) with scrypt (RFC 7914, 7) and AES-256-CBC.
 * `encrypted` is a PrivateKeyInfo, padded and encrypted under the 32 bytes that scrypt gives.
 */
export function encodeEncryptedPrivateKey(
  { salt, cost, blockSize, parallelization }: ScryptParameters,
  iv: Uint8Array,
  encrypted: Uint8Array,
): Uint8Array {
  const sequence = (...parts: Uint8Array[]) => derOf(DER.sequence, ...parts);
  const parameters = sequence(
    derOf(DER.octetString, salt),
    ...[cost, blockSize, parallelization].map(encodeNumber),
  );
  const derivation = sequence(encodeOid(SCRYPT), parameters);
  const cipher = sequence(encodeOid(AES_256_CBC), derOf(DER.octetString, iv));
  return sequence(
    sequence(encodeOid(PBES2), sequence(derivation, cipher)),
    derOf(DER.octetString, encrypted),
  );
}

function encodeNumber(number: number): Uint8Array {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(number);
  return encodeUnsigned(octets);
}
