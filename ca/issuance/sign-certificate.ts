import { randomBytes } from 'node:crypto';
import {
  encodeCertificate,
  encodeTbsCertificate,
  type TbsCertificateFields,
} from '@touchstone/endorsement';
import type { CustodyKey } from './custody.ts';

export type CertificateFields = Omit<TbsCertificateFields, 'serial' | 'signatureAlgorithm'>;

export type SignedCertificate = { readonly der: Uint8Array; readonly serial: Uint8Array };

/**
 * The only place where the CA signs. The serial number is drawn here. The encoder is endorsement's, because
 * @peculiar/x509 2.2 cuts object identifiers with an arc of 128 bits short: both of our extensions became
 * `2.25`.
 */
export async function signCertificate(
  fields: CertificateFields,
  by: CustodyKey,
): Promise<SignedCertificate> {
  const serial = newSerial();
  const { signatureAlgorithm } = by;
  const tbs = encodeTbsCertificate({ ...fields, serial, signatureAlgorithm });
  return { der: encodeCertificate(tbs, signatureAlgorithm, await by.sign(tbs)), serial };
}

/** 126 random bits in 16 octets, positive and of one length: RFC 5280, 4.1.2.2. */
function newSerial(): Uint8Array {
  const serial = Uint8Array.from(randomBytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
