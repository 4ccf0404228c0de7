import { Reader } from '@touchstone/tpm';
import { malformed } from './malformed.ts';

const TCG_TAG_PCCLIENT_STORED_CERT = 0x1001;
const TCG_TAG_PCCLIENT_FULL_CERT = 0x1002;
const TCG_FULL_CERT = 0;

/**
 * TCG_PCCLIENT_STORED_CERT: TCG PC Client Specific Implementation 1.21, 7.4.5: tag, certType, certSize,
 * then TCG_FULL_CERT, a tag of its own and the certificate. Meant for TPM 1.2, found on some TPM 2.0.
 * undefined if there is no such wrapper. Throws ParseError BAD_NV_WRAPPER.
 */
export function unwrapNvCertificate(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] !== TCG_TAG_PCCLIENT_STORED_CERT >> 8 || bytes[1] !== 0x01) return undefined;
  const reader = new Reader(bytes);
  reader.u16('tag');
  const type = reader.u8('certType');
  const size = reader.u16('certSize');
  const full = reader.u16('stCert.tag');
  if (type !== TCG_FULL_CERT || full !== TCG_TAG_PCCLIENT_FULL_CERT || size < 2) {
    throw malformed('BAD_NV_WRAPPER', 'TCG_PCCLIENT_STORED_CERT', 0);
  }
  return reader.bytes(size - 2, 'stCert.certificate');
}
