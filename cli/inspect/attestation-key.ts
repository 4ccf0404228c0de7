import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  nameOf,
  ParseError,
  parseTpm2bPublic,
  parseTpmtPublic,
  TPM_ALG_ECC,
  TPM_ALG_KEYEDHASH,
  TPM_ALG_RSA,
  TPM_ALG_SYMCIPHER,
  type TpmtPublic,
} from '@touchstone/tpm';

/** An AK as it was given: with its public area, or as a bare key of which no more is known. */
export type AttestationKey =
  | { readonly kind: 'public-area'; readonly publicArea: TpmtPublic }
  | { readonly kind: 'bare'; readonly key: KeyObject };

const OBJECT_TYPES: readonly number[] = [
  TPM_ALG_RSA,
  TPM_ALG_KEYEDHASH,
  TPM_ALG_ECC,
  TPM_ALG_SYMCIPHER,
];

/** A private key has no place here, and is not taken for the public one that it contains. */
const PEM = /^-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----$/mu;

/**
 * An AK as TPM2B_PUBLIC, TPMT_PUBLIC or PEM, told apart by how it begins.
 *
 * @throws ParseError PEM_MALFORMED, and those of the structures
 */
export function readAttestationKey(bytes: Uint8Array): AttestationKey {
  const text = Buffer.from(bytes).toString('latin1');
  // What tools write before a PEM block is text: RFC 7468, 2. A structure begins with a byte that is in none.
  if (/^[\s\u0020-\u007e]/u.test(text) && /^-----BEGIN /mu.test(text)) {
    return { kind: 'bare', key: pemKey(text) };
  }
  const first = bytes.length < 2 ? -1 : ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  const isTpmt = OBJECT_TYPES.includes(first) && first !== bytes.length - 2;
  return {
    kind: 'public-area',
    publicArea: isTpmt ? parseTpmtPublic(bytes) : parseTpm2bPublic(bytes),
  };
}

/** The Name of an AK, lower-case hex; a bare key has none. */
export const akNameOf = (ak: AttestationKey): string | undefined =>
  ak.kind === 'bare' ? undefined : Buffer.from(nameOf(ak.publicArea)).toString('hex');

function pemKey(text: string): KeyObject {
  try {
    if (PEM.test(text.replaceAll('\r', ''))) return createPublicKey(text);
  } catch {
    // Said below: OpenSSL's words for it help nobody.
  }
  throw new ParseError('PEM_MALFORMED', 'PEM', 0);
}
