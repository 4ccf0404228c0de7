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
  const certificate = certificateOf(der);
  const keyId = certificate === undefined ? undefined : keyIdOf(certificate);
  const key = certificate === undefined ? undefined : keyOf(certificate.spki);
  if (certificate === undefined || keyId === undefined || key === undefined) return undefined;
  const signs = key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'ec';
  return signs ? { keyId, subject: certificate.subject.text, key } : undefined;
}

function certificateOf(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

function keyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    // What OpenSSL throws has a code, or none.
    return undefined;
  }
}

function keyIdOf({ extensions }: Certificate): string | undefined {
  const value = extensions.get(SUBJECT_KEY_IDENTIFIER)?.value;
  if (value === undefined || value[0] !== OCTET_STRING || value.length < 6) return undefined;
  return Buffer.from(value.subarray(-4)).toString('hex');
}
