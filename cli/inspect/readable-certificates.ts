import {
  certificatesOfFile,
  type IssuerCertificate,
  parseIssuerCertificate,
} from '@touchstone/endorsement';
import { ParseError } from '@touchstone/tpm';

/** Those of a file that can be read as issuers'; one that cannot be is trusted by nobody. */
export const readableCertificates = (bytes: Uint8Array): readonly IssuerCertificate[] =>
  orNone(() => certificatesOfFile(bytes)).flatMap((certificate) =>
    orNone(() => [parseIssuerCertificate(certificate)]),
  );

function orNone<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof ParseError) return [];
    throw error;
  }
}
