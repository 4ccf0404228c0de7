import { X509Certificate } from 'node:crypto';
import { type Certificate, keyIdOf, parseCertificate } from '@touchstone/endorsement';
import { CustodyError } from './custody-error.ts';

/** A certificate of this CA, as whoever asks says: its key must be in custody for it to serve. */
export type OwnCertificate = Pick<Certificate, 'spki' | 'notAfter'> & {
  /** Hex. */
  readonly keyId: string;
  /** DER of the Name, as it stands there. */
  readonly subject: Uint8Array;
};

/** Throws CustodyError ISSUANCE_REFUSED for what is no certificate of a CA. */
export function readOwn(der: Uint8Array, field: string): OwnCertificate {
  return readWith(der, field, (x509) => x509.ca);
}

/** Throws CustodyError ISSUANCE_REFUSED for what is no root: of another name, or signed by another key. */
export function readOwnRoot(der: Uint8Array, field: string): OwnCertificate {
  return readWith(der, field, (x509) => {
    return x509.ca && x509.checkIssued(x509) && x509.verify(x509.publicKey);
  });
}

function readWith(
  der: Uint8Array,
  field: string,
  isFit: (x509: X509Certificate) => boolean,
): OwnCertificate {
  try {
    if (isFit(new X509Certificate(der))) {
      const { spki, notAfter, subject } = parseCertificate(der);
      return { spki, notAfter, keyId: keyIdOf(spki), subject: subject.encoded };
    }
  } catch (cause) {
    throw new CustodyError('ISSUANCE_REFUSED', field, cause);
  }
  throw new CustodyError('ISSUANCE_REFUSED', field);
}
