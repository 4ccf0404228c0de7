import { encodeName, issuerCertificateExtensions, keyIdOf } from '@touchstone/endorsement';
import { CustodyError } from './custody-error.ts';
import type { CustodyKey } from './custody.ts';
import type { OwnCertificate } from './own-certificate.ts';
import { signCertificate } from './sign-certificate.ts';
import { backdated, endWithin } from './validity.ts';

const ROOT_DAYS = 3_652;
const ISSUING_DAYS = 730;

/** An anchor: self-signed, of ten years. Below it may stand the cross-certificate of its successor. */
export async function signRootCertificate(key: CustodyKey, now: Date): Promise<Uint8Array> {
  const name = nameFor('Touchstone root', key.spki);
  const { der } = await signCertificate(
    {
      ...{ subject: name, issuer: name, spki: key.spki },
      ...{ notBefore: backdated(now), notAfter: endWithin(now, ROOT_DAYS) },
      extensions: issuerCertificateExtensions({ spki: key.spki, pathLen: 2 }),
    },
    key,
  );
  return der;
}

/** The certificate of an issuing CA, of two years and of no more than the root has left. */
export async function signIssuingCertificate(
  { spki }: Pick<CustodyKey, 'spki'>,
  by: { readonly certificate: OwnCertificate; readonly key: CustodyKey },
  now: Date,
): Promise<Uint8Array> {
  const { keyId, subject, notAfter } = by.certificate;
  const { der } = await signCertificate(
    {
      ...{ subject: nameFor('Touchstone issuing CA', spki), issuer: subject, spki },
      ...{ notBefore: backdated(now), notAfter: endWithin(now, ISSUING_DAYS, notAfter) },
      extensions: issuerCertificateExtensions({ spki, issuerKeyId: keyId }),
    },
    by.key,
  );
  return der;
}

/**
 * The name and key of one root, signed by another: for those who know only the other. It ends with the first of
 * the two. Its issuer is named by key identifier alone (RFC 5280, 4.2.1.1), for a serial number would tie it to
 * one certificate of that root.
 */
export async function signCrossCertificate(
  subject: OwnCertificate,
  by: { readonly certificate: OwnCertificate; readonly key: CustodyKey },
  now: Date,
): Promise<Uint8Array> {
  if (subject.keyId === by.certificate.keyId) throw new CustodyError('ISSUANCE_REFUSED', 'subject');
  const { der } = await signCertificate(
    {
      ...{ subject: subject.subject, issuer: by.certificate.subject, spki: subject.spki },
      notBefore: backdated(now),
      notAfter: endWithin(now, ROOT_DAYS, by.certificate.notAfter, subject.notAfter),
      extensions: issuerCertificateExtensions({
        ...{ spki: subject.spki, issuerKeyId: by.certificate.keyId, pathLen: 1 },
      }),
    },
    by.key,
  );
  return der;
}

/** With the start of the key identifier, so that two deployments' CAs are told apart. */
const nameFor = (role: string, spki: Uint8Array) =>
  encodeName({
    organizationName: 'Touchstone',
    commonName: `${role} ${keyIdOf(spki).slice(0, 8)}`,
  });
