import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Certificate, parseCertificate } from '@touchstone/endorsement';
import { hashHex, ParseError } from '@touchstone/tpm';

/** A key that signs files, from an X.509 certificate. */
export type ImaKey = {
  /** Last four bytes of the subjectKeyIdentifier, by which signatures name it. Lower-case hex. */
  readonly keyId: string;
  /** Of the certificate. */
  readonly subject: string;
  readonly key: KeyObject;
};

const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const OCTET_STRING = 4;

/** SHA-256 of the DER, lower-case hex: how policies name certificates that hosts may load. */
export const certificateDigest = (der: Uint8Array): string => hashHex('sha256', der);

/** The DER within a PEM text. Throws what OpenSSL has to say of it. */
export const derOfPem = (pem: string): Uint8Array => new Uint8Array(new X509Certificate(pem).raw);

/**
 * The key of a certificate in DER; undefined for what has none that can sign files. Neither its issuer nor its
 * dates count: the kernel looks at neither once a key is in a keyring.
 */
export function imaKeyOf(der: Uint8Array): ImaKey | undefined {
  try {
    const certificate = parseCertificate(der);
    const keyId = keyIdOf(certificate);
    if (keyId === undefined) return undefined;
    const spki = Buffer.from(certificate.spki);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const signs = key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'ec';
    return signs ? { keyId, subject: certificate.subject.text, key } : undefined;
  } catch (error) {
    if (error instanceof ParseError || isOpenSslError(error)) return undefined;
    throw error;
  }
}

function keyIdOf({ extensions }: Certificate): string | undefined {
  const value = extensions.get(SUBJECT_KEY_IDENTIFIER)?.value;
  if (value === undefined || value[0] !== OCTET_STRING || value.length < 6) return undefined;
  return Buffer.from(value.subarray(-4)).toString('hex');
}

/** Of node:crypto, for a key that it cannot read. */
const isOpenSslError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_');
