import {
  TPM_ALG_AES,
  TPM_ALG_CFB,
  TPM_ALG_ECDH,
  TPM_ALG_ECDSA,
  TPM_ALG_KDF1_SP800_108,
  TPM_ALG_KDF1_SP800_56A,
  TPM_ALG_NULL,
  TPM_ALG_OAEP,
  TPM_ALG_RSAES,
  TPM_ALG_RSAPSS,
  TPM_ALG_RSASSA,
} from './constants.ts';
import { refuseAlgorithm } from './refuse-algorithm.ts';
import { type BankName, bankAlgorithm, hashAlgorithm } from './hash.ts';
import { malformed } from './malformed.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** TPMT_SYM_DEF_OBJECT: Part 2, 11.1.7. Present on a storage key, null on every other. */
export type Symmetric =
  | { readonly algorithm: 'null' }
  | { readonly algorithm: 'aes'; readonly keyBits: 128 | 192 | 256; readonly mode: 'cfb' };

/** TPMT_RSA_SCHEME: Part 2, 11.2.4.2. */
export type RsaScheme =
  | { readonly scheme: 'null' }
  | { readonly scheme: 'rsaes' }
  | { readonly scheme: 'rsassa' | 'rsapss' | 'oaep'; readonly hash: BankName };

/** TPMT_ECC_SCHEME: Part 2, 11.2.5.6. */
export type EccScheme =
  { readonly scheme: 'null' } | { readonly scheme: 'ecdsa' | 'ecdh'; readonly hash: BankName };

/** TPMT_KDF_SCHEME: Part 2, 11.2.3.3. */
export type KdfScheme =
  | { readonly scheme: 'null' }
  | { readonly scheme: 'kdf1_sp800_56a' | 'kdf1_sp800_108'; readonly hash: BankName };

const RSA_SCHEMES = { rsassa: TPM_ALG_RSASSA, rsapss: TPM_ALG_RSAPSS, oaep: TPM_ALG_OAEP } as const;
const ECC_SCHEMES = { ecdsa: TPM_ALG_ECDSA, ecdh: TPM_ALG_ECDH } as const;
const KDF_SCHEMES = {
  kdf1_sp800_56a: TPM_ALG_KDF1_SP800_56A,
  kdf1_sp800_108: TPM_ALG_KDF1_SP800_108,
} as const;

/** TPMI_ALG_HASH without the null: Part 2, 9.27. */
export function readHash(reader: Reader, field: string): BankName {
  const offset = reader.offset;
  return hashAlgorithm(reader.u16(field), field, offset).name;
}

export function readSymmetric(reader: Reader, field: string): Symmetric {
  const offset = reader.offset;
  const algorithm = reader.u16(`${field}.algorithm`);
  if (algorithm === TPM_ALG_NULL) return { algorithm: 'null' };
  if (algorithm !== TPM_ALG_AES) refuseAlgorithm(algorithm, `${field}.algorithm`, offset);
  const keyBits = reader.u16(`${field}.keyBits`);
  if (keyBits !== 128 && keyBits !== 192 && keyBits !== 256) {
    throw malformed('BAD_KEY_BITS', `${field}.keyBits`, reader.offset - 2, `AES-${keyBits}`);
  }
  const mode = reader.u16(`${field}.mode`);
  if (mode !== TPM_ALG_CFB) refuseAlgorithm(mode, `${field}.mode`, reader.offset - 2);
  return { algorithm: 'aes', keyBits, mode: 'cfb' };
}

export function readRsaScheme(reader: Reader, field: string): RsaScheme {
  const offset = reader.offset;
  const alg = reader.u16(field);
  if (alg === TPM_ALG_NULL) return { scheme: 'null' };
  if (alg === TPM_ALG_RSAES) return { scheme: 'rsaes' };
  return readHashedScheme(RSA_SCHEMES, alg, reader, field, offset);
}

export function readEccScheme(reader: Reader, field: string): EccScheme {
  const offset = reader.offset;
  const alg = reader.u16(field);
  if (alg === TPM_ALG_NULL) return { scheme: 'null' };
  return readHashedScheme(ECC_SCHEMES, alg, reader, field, offset);
}

export function readKdfScheme(reader: Reader, field: string): KdfScheme {
  const offset = reader.offset;
  const alg = reader.u16(field);
  if (alg === TPM_ALG_NULL) return { scheme: 'null' };
  return readHashedScheme(KDF_SCHEMES, alg, reader, field, offset);
}

export function writeSymmetric(writer: Writer, symmetric: Symmetric): void {
  if (symmetric.algorithm === 'null') writer.u16(TPM_ALG_NULL);
  else writer.u16(TPM_ALG_AES).u16(symmetric.keyBits).u16(TPM_ALG_CFB);
}

export function writeRsaScheme(writer: Writer, scheme: RsaScheme): void {
  if (scheme.scheme === 'null') writer.u16(TPM_ALG_NULL);
  else if (scheme.scheme === 'rsaes') writer.u16(TPM_ALG_RSAES);
  else writer.u16(RSA_SCHEMES[scheme.scheme]).u16(bankAlgorithm(scheme.hash));
}

export function writeEccScheme(writer: Writer, scheme: EccScheme): void {
  if (scheme.scheme === 'null') writer.u16(TPM_ALG_NULL);
  else writer.u16(ECC_SCHEMES[scheme.scheme]).u16(bankAlgorithm(scheme.hash));
}

export function writeKdfScheme(writer: Writer, scheme: KdfScheme): void {
  if (scheme.scheme === 'null') writer.u16(TPM_ALG_NULL);
  else writer.u16(KDF_SCHEMES[scheme.scheme]).u16(bankAlgorithm(scheme.hash));
}

function readHashedScheme<Name extends string>(
  schemes: Readonly<Record<Name, number>>,
  alg: number,
  reader: Reader,
  field: string,
  offset: number,
): { scheme: Name; hash: BankName } {
  for (const scheme in schemes) {
    if (schemes[scheme] === alg) return { scheme, hash: readHash(reader, `${field}.hashAlg`) };
  }
  return refuseAlgorithm(alg, field, offset);
}
