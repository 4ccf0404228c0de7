import { type Certificate, readCertificate } from './certificate.ts';
import { verifyCertificateSignature } from './certificate-signature.ts';
import { isSelfIssued } from './chain-candidates.ts';
import { DerReader } from './der-reader.ts';
import * as extension from './extensions.ts';
import { publicKeyOfSpki } from './public-key.ts';

/** A certificate of a collection, fit to be a root or a link of a path. */
export type IssuerCertificate = {
  /** The certificate alone, cut at its own length. */
  readonly der: Uint8Array;
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /**
   * Its name is its issuer's and its own key signed it, as far as can be told: the form of a root. A
   * signature that is weak, or of a kind that cannot be checked here, is enough, for it says nothing of
   * trust.
   */
  readonly selfSigned: boolean;
};

/** Reads all that a path looks at, so that one damaged certificate spoils no path. Throws ParseError. */
export function parseIssuerCertificate(bytes: Uint8Array): IssuerCertificate {
  const certificate = readCertificate(new DerReader(bytes));
  extension.basicConstraints(certificate);
  extension.keyUsage(certificate);
  extension.extendedKeyUsage(certificate);
  extension.subjectKeyId(certificate);
  extension.authorityKeyId(certificate);
  const { der, subject, issuer, notBefore, notAfter } = certificate;
  return {
    ...{ der, subject: subject.text, issuer: issuer.text, notBefore, notAfter },
    selfSigned: isSelfSigned(certificate),
  };
}

function isSelfSigned(certificate: Certificate): boolean {
  const { key } = publicKeyOfSpki(certificate.spki);
  if (!isSelfIssued(certificate)) return false;
  const signature = verifyCertificateSignature(certificate, key);
  return signature.ok || signature.code !== 'CERT_SIGNATURE_INVALID';
}
