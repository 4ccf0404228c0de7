import {
  certificatesOfFile,
  type EkCertificate,
  ENDORSEMENT_CODES,
  parseEkCertificate,
} from '@touchstone/endorsement';
import { ParseError, TPM_CODES } from '@touchstone/tpm';
import type { CertificateStore } from './certificate-store.ts';
import { type EkCertificateReport, reportEkCertificate } from './ek-certificate-report.ts';
import { MalformedFile } from './malformed-file.ts';

/** As much as is read of a file: an NV index and the chain that may come with it are far smaller. */
export const MAX_CERTIFICATE_FILE_BYTES = 1_048_576;

const TABLE = new Map<string, { readonly title: string; readonly remedy: string }>(
  Object.entries({ ...TPM_CODES, ...ENDORSEMENT_CODES }),
);
const UNTOLD = { title: 'The file is malformed', remedy: 'Export it again, whole and unchanged.' };

/** The title of any code that the report of an EK certificate may hold. */
export const titleOfCertificateCode = (code: string): string | undefined => TABLE.get(code)?.title;

/**
 * An EK certificate by itself, or held against the roots of a store. The first certificate of the file is
 * the one; others are links to its root.
 *
 * @throws MalformedFile
 */
export function inspectEkCertificate(
  bytes: Uint8Array,
  store: CertificateStore | undefined,
  now: Date,
): { readonly report: EkCertificateReport; readonly certificate: EkCertificate } {
  try {
    const [first = bytes, ...more] = certificatesOfFile(bytes);
    const leaf = parseEkCertificate(first);
    const intermediates = more.map(parseEkCertificate);
    return {
      report: reportEkCertificate({ leaf, intermediates, store, now }),
      certificate: leaf,
    };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new MalformedFile(error, TABLE.get(error.code) ?? UNTOLD, error);
  }
}
