import { ParseError } from '@touchstone/tpm';
import { parseCertificate } from './certificate.ts';
import { verifyCertificateSignature } from './certificate-signature.ts';
import { mayHaveIssued } from './chain-candidates.ts';
import { basicConstraints, keyUsage } from './extensions.ts';
import { publicKeyOfSpki } from './public-key.ts';

/**
 * Whether one certificate (DER) signed another: names and key identifiers fit, the issuer is a CA that may sign
 * certificates, and its key made the signature, by a scheme that is still believed. It says nothing of dates, nor of
 * how far below a root either may stand: who believes a chain asks `validatePath`. False for what is no certificate.
 */
export function isIssuedBy(certificate: Uint8Array, issuer: Uint8Array): boolean {
  try {
    const [below, above] = [parseCertificate(certificate), parseCertificate(issuer)];
    return (
      mayHaveIssued(above, below) &&
      basicConstraints(above)?.ca === true &&
      keyUsage(above)?.includes('keyCertSign') !== false &&
      verifyCertificateSignature(below, publicKeyOfSpki(above.spki).key).ok
    );
  } catch (error) {
    if (error instanceof ParseError) return false;
    throw error;
  }
}
