import { constants, type KeyObject, verify } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import { NULL } from './der-writer.ts';

type Algorithm = {
  readonly keyType: 'rsa' | 'ec';
  readonly hash: 'sha1' | 'sha256' | 'sha384' | 'sha512';
};

/** RFC 8017, A.2.4 and RFC 5758, 3.2. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['1.2.840.113549.1.1.5', { keyType: 'rsa', hash: 'sha1' }],
  ['1.2.840.113549.1.1.11', { keyType: 'rsa', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { keyType: 'rsa', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { keyType: 'rsa', hash: 'sha512' }],
  ['1.2.840.10045.4.1', { keyType: 'ec', hash: 'sha1' }],
  ['1.2.840.10045.4.3.2', { keyType: 'ec', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { keyType: 'ec', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { keyType: 'ec', hash: 'sha512' }],
]);

const MIN_RSA_BITS = 2048;
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

export type CertificateSignatureVerdict =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code:
        'CERT_SIGNATURE_INVALID' | 'CERT_SIGNATURE_UNSUPPORTED' | 'CERT_SIGNATURE_WEAK';
    };

/** Whether `issuerKey` signed the certificate, with an algorithm that means something today. */
export function verifyCertificateSignature(
  certificate: Certificate,
  issuerKey: KeyObject,
): CertificateSignatureVerdict {
  const { oid, parameters } = certificate.signatureAlgorithm;
  const algorithm = ALGORITHMS.get(oid);
  // RFC 4055, 5 has NULL for RSA and RFC 5758, 3.2 nothing for ECDSA; makers leave out NULL too.
  const plain = parameters === null || Buffer.compare(parameters, NULL) === 0;
  if (!algorithm || !plain) return { ok: false, code: 'CERT_SIGNATURE_UNSUPPORTED' };
  if (algorithm.keyType !== issuerKey.asymmetricKeyType) {
    return { ok: false, code: 'CERT_SIGNATURE_INVALID' };
  }
  if (algorithm.hash === 'sha1' || isWeak(issuerKey)) {
    return { ok: false, code: 'CERT_SIGNATURE_WEAK' };
  }
  let valid = false;
  try {
    valid = verify(
      algorithm.hash,
      certificate.tbs,
      algorithm.keyType === 'rsa'
        ? { key: issuerKey, padding: constants.RSA_PKCS1_PADDING }
        : { key: issuerKey, dsaEncoding: 'der' },
      certificate.signature,
    );
  } catch {
    valid = false;
  }
  return valid ? { ok: true } : { ok: false, code: 'CERT_SIGNATURE_INVALID' };
}

function isWeak(key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa') return (details?.modulusLength ?? 0) < MIN_RSA_BITS;
  return !CURVES.includes(details?.namedCurve);
}
