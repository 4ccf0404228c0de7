import {
  hashOfBank,
  parseTpmtSignature,
  type SignatureVerdict,
  TPM_ALG_RSAPSS,
  TPM_ALG_RSASSA,
  type TpmsAttest,
  type TpmtSignature,
  verifySignatureWithKey,
  verifyTpmSignature,
} from '@touchstone/tpm';
import type { AttestationKey } from './attestation-key.ts';

/**
 * A TPMT_SIGNATURE; or the bare bytes of an RSASSA signature, as some clouds keep it, which are told by
 * being as long as the modulus. The hash is then the key's, or that of the attested digest (Part 3, 18.4).
 *
 * @throws ParseError
 */
export function readQuoteSignature(
  bytes: Uint8Array,
  ak: AttestationKey,
  attest: TpmsAttest,
): TpmtSignature {
  if (bytes.length !== modulusBytesOf(ak) || beginsLikeTpmtSignature(bytes)) {
    return parseTpmtSignature(bytes);
  }
  return { sigAlg: 'rsassa', hash: hashBeside(ak, attest), sig: bytes };
}

export function verifyQuoteSignature(
  ak: AttestationKey,
  signature: TpmtSignature,
  message: Uint8Array,
): SignatureVerdict {
  return ak.kind === 'bare'
    ? verifySignatureWithKey({ key: ak.key, signature, message })
    : verifyTpmSignature({ publicArea: ak.publicArea, signature, message });
}

function modulusBytesOf(ak: AttestationKey): number | undefined {
  if (ak.kind === 'public-area') {
    return ak.publicArea.type === 'rsa' ? ak.publicArea.unique.length : undefined;
  }
  const { modulusLength } = ak.key.asymmetricKeyDetails ?? {};
  return modulusLength === undefined ? undefined : modulusLength / 8;
}

/** One that was cut to that length is malformed, and no signature that fails. */
function beginsLikeTpmtSignature(bytes: Uint8Array): boolean {
  const alg = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  const length = ((bytes[4] ?? 0) << 8) | (bytes[5] ?? 0);
  return (alg === TPM_ALG_RSASSA || alg === TPM_ALG_RSAPSS) && length === bytes.length;
}

function hashBeside(ak: AttestationKey, { quote }: TpmsAttest): TpmtSignature['hash'] {
  if (ak.kind === 'public-area') {
    const { scheme } = ak.publicArea.parameters;
    if ('hash' in scheme) return scheme.hash;
  }
  const banks = ['sha1', 'sha256', 'sha384', 'sha512'] as const;
  return banks.find((bank) => hashOfBank(bank).size === quote.pcrDigest.length) ?? 'sha1';
}
