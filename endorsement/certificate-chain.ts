import { ParseError } from '@touchstone/tpm';
import { DER, DerReader } from './der-reader.ts';

/** What fills an NV index up: zeros, or the ones of memory that nobody wrote. */
const PADDING: readonly (number | undefined)[] = [0x00, 0xff];

/**
 * The certificates of an EK's chain as NV holds it, TCG EK Credential Profile 2.5, 2.2.1.5.2: one after the
 * other over the contents of all its indices, a certificate across two of them or each filled up to its end. Not
 * read yet; nothing is believed of them. It ends where no element of DER follows.
 */
export function certificatesOfNvChain(bytes: Uint8Array): readonly Uint8Array[] {
  const certificates: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    if (PADDING.includes(bytes[at])) {
      at += 1;
      continue;
    }
    const certificate = elementAt(bytes, at);
    if (certificate === undefined) break;
    certificates.push(certificate);
    at += certificate.length;
  }
  return certificates;
}

function elementAt(bytes: Uint8Array, start: number): Uint8Array | undefined {
  try {
    return new DerReader(bytes, start).expect(DER.sequence, 'chain').encoded;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return undefined;
  }
}
