import { encodeCertificateList, encodeTbsCertList } from '@touchstone/endorsement';
import { CustodyError } from './custody-error.ts';
import type { CustodyKey } from './custody.ts';
import type { RevokedCertificate } from './issuance.ts';
import type { OwnCertificate } from './own-certificate.ts';

/** What a list may hold: a reader's work for one is bounded. */
const MAX_REVOKED = 2_000;
const MAX_LIFE_MS = 32 * 86_400_000;
const MAX_NUMBER = 1n << 63n;

export type CrlFields = {
  readonly url?: string;
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly revoked: readonly RevokedCertificate[];
};

/** A revocation list: RFC 5280, 5. Throws CustodyError ISSUANCE_REFUSED naming the field. */
export async function signRevocationList(
  { url, ...fields }: CrlFields,
  by: { readonly certificate: OwnCertificate; readonly key: CustodyKey },
): Promise<Uint8Array> {
  const refusal = (field: string) => new CustodyError('ISSUANCE_REFUSED', field);
  const { number, revoked } = fields;
  const lifeMs = fields.nextUpdate.getTime() - fields.thisUpdate.getTime();
  if (!(lifeMs > 0 && lifeMs <= MAX_LIFE_MS)) throw refusal('nextUpdate');
  if (number < 0n || number >= MAX_NUMBER) throw refusal('number');
  if (revoked.length > MAX_REVOKED) throw refusal('revoked');
  if (!revoked.every(({ serial }) => isSerial(serial))) throw refusal('serial');
  const { signatureAlgorithm } = by.key;
  const tbs = encodeTbsCertList({
    ...{ ...fields, signatureAlgorithm, ...(url === undefined ? {} : { url }) },
    ...{ issuer: by.certificate.subject, issuerKeyId: by.certificate.keyId },
  });
  return encodeCertificateList(tbs, signatureAlgorithm, await by.key.sign(tbs));
}

const isSerial = (serial: Uint8Array) =>
  serial.length > 0 && serial.length <= 20 && serial.some((octet) => octet !== 0);
