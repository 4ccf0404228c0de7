import { constants, type KeyObject, verify } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import { isShortRsa } from './public-key.ts';
import { type SignatureScheme, signatureSchemeOf } from './signature-scheme.ts';

/** SP 800-186, 3.2.1 and RFC 5639, 3: those of 256 bits and more. */
const CURVES: readonly (string | undefined)[] = [
  ...['prime256v1', 'secp384r1', 'secp521r1'],
  ...['brainpoolP256r1', 'brainpoolP384r1', 'brainpoolP512r1'],
];

/** What kinds of key sign by a scheme. A key that is for PSS alone signs nothing else: RFC 4055, 1.2. */
const KEY_TYPES: Readonly<Record<SignatureScheme['scheme'], readonly (string | undefined)[]>> = {
  rsassa: ['rsa'],
  rsapss: ['rsa', 'rsa-pss'],
  ecdsa: ['ec'],
};

export type CertificateSignatureVerdict =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code:
        'CERT_SIGNATURE_INVALID' | 'CERT_SIGNATURE_UNSUPPORTED' | 'CERT_SIGNATURE_WEAK';
    };

/** What of a certificate, or of a list of revoked ones, its signature is about: RFC 5280, 4.1.1 and 5.1.1. */
export type Signed = Pick<Certificate, 'tbs' | 'signatureAlgorithm' | 'signature'>;

/**
 * Whether `issuerKey` signed the certificate, with an algorithm that means something today. WEAK is a
 * signature that is right and proves nothing: SHA-1, a short key, a curve that is not among the ones known
 * to be strong.
 */
export function verifyCertificateSignature(
  certificate: Signed,
  issuerKey: KeyObject,
): CertificateSignatureVerdict {
  const scheme = signatureSchemeOf(certificate.signatureAlgorithm);
  if (!scheme) return { ok: false, code: 'CERT_SIGNATURE_UNSUPPORTED' };
  if (!KEY_TYPES[scheme.scheme].includes(issuerKey.asymmetricKeyType)) {
    return { ok: false, code: 'CERT_SIGNATURE_INVALID' };
  }
  if (!isSignedBy(certificate, issuerKey, scheme)) {
    return { ok: false, code: 'CERT_SIGNATURE_INVALID' };
  }
  if (scheme.hash === 'sha1' || isWeakKey(issuerKey)) {
    return { ok: false, code: 'CERT_SIGNATURE_WEAK' };
  }
  return { ok: true };
}

function isSignedBy({ tbs, signature }: Signed, key: KeyObject, scheme: SignatureScheme): boolean {
  try {
    return verify(scheme.hash, tbs, { key, ...optionsOf(scheme) }, signature);
  } catch {
    return false;
  }
}

function optionsOf(scheme: SignatureScheme) {
  switch (scheme.scheme) {
    case 'rsassa':
      return { padding: constants.RSA_PKCS1_PADDING };
    case 'rsapss':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltLength };
    case 'ecdsa':
      return { dsaEncoding: 'der' } as const;
  }
}

function isWeakKey(key: KeyObject): boolean {
  if (key.asymmetricKeyType === 'ec') return !CURVES.includes(key.asymmetricKeyDetails?.namedCurve);
  return isShortRsa(key);
}
